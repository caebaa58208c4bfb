"""The pure domain: catalogue, settings, rendering, planning. Nothing here touches a host."""
