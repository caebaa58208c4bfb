"""Distance: one small TCP proxy for each host, which holds every byte back for half of the round trip."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what is read, each piece `delay` seconds later; pieces travel side by side, in order."""
    clock = asyncio.get_running_loop().time
    travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, piece = await travelling.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()

    arriving = asyncio.create_task(arrive())
    while piece := await reader.read(65536):
        travelling.put_nowait((clock() + delay, piece))
    travelling.put_nowait((clock() + delay, b""))
    await arriving


async def serve(address: str, port: int, round_trip: float) -> asyncio.Server:
    """A proxy before `address`:`port`, on a free port of the loopback."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip)  # the handshake, which the loopback has already answered
        far_reader, far_writer = await asyncio.open_connection(address, port)
        ways = ((reader, far_writer), (far_reader, writer))
        try:
            async with asyncio.TaskGroup() as both:
                for source, target in ways:
                    both.create_task(_carry(source, target, round_trip / 2))
        except* (ConnectionError, OSError):
            pass  # one end has hung up: so does the other
        finally:
            for _, target in ways:
                target.close()

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def _live(
    addresses: list[str],
    port: int,
    round_trip: float,
    started: "Future[tuple[list[int], Callable[[], object]]]",
) -> None:
    servers = [await serve(address, port, round_trip) for address in addresses]
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    started.set_result((ports, lambda: loop.call_soon_threadsafe(ended.set)))
    await ended.wait()
    for server in servers:
        server.close()


@contextmanager
def far(addresses: list[str], round_trip: float, port: int = 22) -> Iterator[list[int]]:
    """Proxies before these hosts' SSH, as long as the block lasts; their ports."""
    started: Future[tuple[list[int], Callable[[], object]]] = Future()
    live = _live(addresses, port, round_trip, started)
    thread = threading.Thread(target=asyncio.run, args=(live,), daemon=True)
    thread.start()
    ports, end = started.result(timeout=30)
    try:
        yield ports
    finally:
        end()
        thread.join()
