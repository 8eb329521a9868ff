"""What several threads need is made once, and kept as long as is said."""

from __future__ import annotations

from threading import Event, Thread

from simulator.engine.made import Made


def test_who_asks_while_a_thing_is_made_waits_for_it():
    made, begun, end, found = Made(), Event(), Event(), []

    def make():
        begun.set()
        assert end.wait(30)
        return object()

    threads = [Thread(target=lambda: found.append(made.get("a", make))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    assert made.get("b", lambda: "another") == "another"  # while "a" is made
    end.set()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(map(id, found))) == 1


def test_only_the_last_things_are_kept():
    made, calls = Made(most=2), []
    for key in "abacab":
        made.get(key, lambda key=key: calls.append(key))
    assert calls == ["a", "b", "c", "a", "b"]
    assert len(made._making) == 2
