"""The demonstration: store, gateway and several matches in one command."""

from gateway.demo.running import run_demo

__all__ = ["run_demo"]
