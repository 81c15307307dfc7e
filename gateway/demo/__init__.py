"""The demonstration: store, gateway and several matches in one command."""

from gateway.demo.running import check_port, run_demo

__all__ = ["check_port", "run_demo"]
