"""The benches' machinery at a small size: that it measures, checks and reports; no figure is judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtest import payload, plots, report, results
from loadtest.fleet import Fleet, FleetFailed
from loadtest.gateway_process import percentile_limit_ms, share_within
from loadtest.running import run_all
from loadtest.scenarios import churn, crowds, fanout, openings, stadium, storm
from loadtest.scenarios.checks import at_most
from loadtest.swarm import arguments, options_of
from loadtest.ways.__main__ import measure
from native.swarm_scan import scan_json


def test_fanout_measures_all_three_ways() -> None:
    result = fanout.run(sizes=(100,), rounds=2, peers=False)
    (size,) = result["sizes"]
    assert {found["how"] for found in size["rounds"]} == {"fanout", "floor", "picows"}
    assert all(size[way]["cpu_us_per_frame"] > 0 for way in ("fanout", "floor", "picows"))
    assert len(result["checks"]) == 3


def test_fanout_measures_compressed_frames() -> None:
    result = fanout.run_deflated(sizes=(100,), rounds=2, peers=False)
    assert {found["how"] for found in result["sizes"][0]["rounds"]} == {"fanout", "floor"}
    assert len(payload.moving(1000)) > 400


def test_openings_measure_the_floor_and_the_gateway() -> None:
    result = openings.run(50, rounds=2, peers=False)
    assert set(result["servers"]) == {"floor", "token", "open"}
    assert all(found["per_s"] > 0 and found["cpu_us"] > 0 for found in result["servers"].values())
    assert sum(check.get("at_least", False) for check in result["checks"]) == 4
    assert all("a second" in check["name"] for check in result["checks"] if check.get("at_least"))


def test_a_lost_message_fails_the_bench() -> None:
    summary = {"messages": 199, "gaps": 0, "duplicates": 0, "violations": 0, "malformed": 0, "lost": 0}
    with pytest.raises(fanout.Mismatch, match="199"):
        fanout._check(summary, 100, 2, False)


def test_fleet_tells_what_went_wrong() -> None:
    with Fleet(1, 10) as fleet:
        with pytest.raises(FleetFailed, match="room"):
            fleet.connect("127.0.0.1", 1, "/", 11)
        fleet.connect("127.0.0.1", 1, "/", 1)
        with pytest.raises(FleetFailed, match="to be open"):
            fleet.wait_open(0.2)
        assert fleet.summary()["connect_failures"] == 1


def test_fleet_spreads_viewers_and_numbers() -> None:
    with Fleet(2, 10) as fleet:
        fleet.connect("127.0.0.1", 1, "/{n}", 5, numbers=(0, 5))
        assert fleet.viewers == [3, 2]


@pytest.mark.parametrize("number", [2, 99, 12_345, 7_654_321])
def test_payload_has_its_size_and_chain(number: int) -> None:
    data = payload.delta(number)
    assert len(data) == 128
    json.loads(data)
    kind, channel, origin, version = scan_json(data)
    assert (kind, channel) == ("delta", payload.CHANNEL.encode())
    assert (origin, version) == (payload.version(number - 1).encode(), payload.version(number).encode())
    with pytest.raises(ValueError, match="needs"):
        payload.delta(number, 50)


def test_ways_to_send_reach_everybody_once() -> None:
    found = measure(30, 128, ("loop", "shuffled", "helper", "parts", "cork"), 1)
    assert all(len(each["wall"]) == 1 and each["wall"][0] > 0 for each in found.values())


BEFORE = {'lag_bucket{le="0.001"}': 5.0, 'lag_bucket{le="0.005"}': 10.0, 'lag_bucket{le="+Inf"}': 10.0}
AFTER = {'lag_bucket{le="0.001"}': 905.0, 'lag_bucket{le="0.005"}': 1009.0, 'lag_bucket{le="+Inf"}': 1010.0}


def test_metrics_between_two_moments() -> None:
    assert share_within(BEFORE, AFTER, "lag", 0.005) == pytest.approx(99.9)
    assert percentile_limit_ms(BEFORE, AFTER, "lag", 90) == 1.0
    assert percentile_limit_ms(BEFORE, AFTER, "lag", 99.9) == 5.0
    assert percentile_limit_ms(BEFORE, AFTER, "lag", 99.99) == float("inf")
    assert percentile_limit_ms(BEFORE, BEFORE, "lag", 99) == 0.0


def test_latest_keeps_what_the_tables_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "DIRECTORY", tmp_path)
    monkeypatch.setattr(results, "LATEST", tmp_path / "latest.json")
    machine: dict[str, Any] = {"cores": 2}
    path = results.store({"scenario": "a", "sizes": [{"n": 1, "rounds": [1, 2]}], "raw": {}}, machine, "command")
    results.store({"scenario": "b"}, machine, "command")
    assert json.loads(path.read_text())["sizes"] == [{"n": 1, "rounds": [1, 2]}]
    latest = results.read_latest()
    assert set(latest) == {"a", "b"}
    assert latest["a"]["sizes"] == [{"n": 1}]
    assert "raw" not in latest["a"]


def test_all_is_run_and_kept_before_a_missed_bound_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "DIRECTORY", tmp_path)
    monkeypatch.setattr(results, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(plots, "DIRECTORY", tmp_path / "images")
    monkeypatch.setattr(report, "DOCUMENT", tmp_path / "performance.md")
    report.DOCUMENT.write_text("<!-- table: outage -->\n<!-- end -->\n<!-- table: storm -->\n<!-- end -->\n")

    def outage(_quick: bool) -> dict[str, Any]:
        figures = {"p99_ms": {"up": 1.0, "down": 1.0, "back": 1.0}, "down_s": 1.0, "entries": 1, "caught_up_s": 1.0}
        return {"scenario": "outage", "checks": [at_most("too much", 2, 1)], **figures}

    def breaks(_quick: bool) -> dict[str, Any]:
        raise RuntimeError("broken")

    def held(_quick: bool) -> dict[str, Any]:
        checks = [at_most("enough", 1, 1)]
        return {"scenario": "endurance", "checks": checks, "duration_s": 1.0, "events": 1, "samples": [{"bytes": 1e6}]}

    assert run_all("bench", "", {"outage": outage, "breaks": breaks, "held": held}, []) == 1
    said = capsys.readouterr().out
    assert "3 of unknown length" in said
    assert all(each in said for each in ("missed: too much", "RuntimeError: broken", "could not be run", "together"))
    assert "| away for 1 s |" in said.replace("the database ", "")
    assert set(results.read_latest()) == {"outage", "endurance"}
    document = report.DOCUMENT.read_text()
    assert "| too much | 2 | ≤ 1 | **missed** |" in document
    assert "Not measured yet." in document
    assert run_all("bench", "", {"held": held}, []) == 0
    assert "1 scenario, about 0 s" in capsys.readouterr().out


def test_tables_are_made_from_the_results() -> None:
    text = "words\n<!-- table: fanout -->\nold\n<!-- end -->\nmore\n<!-- table: slow -->\n<!-- end -->\n"
    assert "Not measured yet." in report.render(text, {})
    again = report.render(report.render(text, {}), {})
    assert again == report.render(text, {})
    assert again.startswith("words\n")
    assert f"{report.OUTDATED}: `sizes`" in report.render(text, {"fanout": {"scenario": "fanout"}})


def test_document_is_up_to_date() -> None:
    assert report.main(["--check"]) == 0, "run: python -m loadtest.report"
    assert report.OUTDATED not in report.DOCUMENT.read_text()


def test_plots_show_every_row_and_are_well_formed() -> None:
    picture = plots.bars("A <b> & c", "µs", [("one", 1.0, plots.OURS), ("two", 2.0, plots.OTHERS)])
    root = ElementTree.fromstring(picture)
    rects = [element for element in root if element.tag.endswith("rect")]
    assert float(rects[1].attrib["width"]) == pytest.approx(2 * float(rects[0].attrib["width"]), rel=0.01)
    ElementTree.fromstring(plots.line("memory", "MB", [(0, 1.0), (10, 1.5)]))


def test_command_line_of_the_swarm() -> None:
    asked = arguments(["--url", "ws://host:1234/v1/live", "--channel", "match:{n}", "--numbers", "7", "--msgpack"])
    host, port, path, options = options_of(asked)
    assert (host, port, path) == ("host", 1234, "/v1/live?channel=match:{n}")
    assert options["numbers"] == (0, 7)
    assert options["headers"] == {"Sec-WebSocket-Protocol": "grandstand.v1.msgpack"}
    _, _, path, options = options_of(arguments(["--sse", "--token", "t"]))
    assert path == "/v1/channels/match:1/stream"
    assert (options["transport"], options["headers"]) == ("sse", {"Authorization": "Bearer t"})


def test_steps_of_an_event_are_timed() -> None:
    assert all(value > 0 for value in crowds.steps(20, 2).values())


def test_the_floor_is_measured_at_the_pace_of_events() -> None:
    assert crowds.paced_floor_us(viewers=12, frames_per_s=200.0, duration_s=1.0) > 0


@pytest.mark.parametrize("name", crowds.PEERS)
def test_gateways_by_hand_give_every_viewer_each_event(name: str) -> None:
    found = crowds.peer(name, crowds.PEERS[name], channels=5, events_per_s=50.0, warm_up_s=0.5, duration_s=1.0)
    assert found["latency"]["count"] > 0
    assert found["cpu_us"] > 0


def test_connections_of_every_kind_leave_nothing() -> None:
    result = churn.run(1500, steps=5)
    assert [check for check in result["checks"] if not check["passed"]] == []
    assert len(result["samples"]) == 6


def test_a_small_storm_is_served_with_what_was_missed() -> None:
    result = storm.run(crowd=60, others=10, storms=1)
    (one,) = result["storms"]
    assert one["snapshots"] == 0
    assert one["raw"]["members"]["open"] == 60
    assert [check["value"] for check in result["checks"] if "gaps" in check["name"]] == [0]


def test_a_small_stadium_gets_every_message_on_both_sides() -> None:
    result = stadium.run(90, flushes=2, rounds=1, repeats=2)
    assert (result["gateway"]["count"], result["floor"]["count"]) == (360, 360)
    least, median, most = result["ratio_spread"]
    assert 0 < least <= median <= most
    assert [check["value"] for check in result["checks"] if "gaps" in check["name"]] == [0]
