"""Tasks that are not lost, and tell how they failed."""

import asyncio
import gc
import logging
import weakref

import pytest

from aiclient2api import tasks


class ExpectedError(Exception):
    """A failure of our own kind."""


async def fails(error: BaseException) -> None:
    raise error


async def sleeps(log: list[str], name: str = "x") -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)
        log.append(name)


def test_a_task_has_its_name_and_result() -> None:
    async def work() -> int:
        return 7

    async def main() -> None:
        task = tasks.spawn(work(), "seven")
        assert task.get_name() == "seven"
        assert await task == 7

    asyncio.run(main())


def test_a_task_that_nobody_holds_is_not_collected() -> None:
    """The loop keeps weak references only: without ours, a task that waits for something as weakly held goes away."""

    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        found = weakref.ref(tasks.spawn(work(), "lost"))
        await asyncio.sleep(0)
        gc.collect()
        task = found()
        assert task is not None
        assert not task.done()
        await tasks.stop(task)

    asyncio.run(main())


def test_a_finished_task_is_let_go() -> None:
    async def work() -> None:
        return

    async def main() -> None:
        found = weakref.ref(tasks.spawn(work(), "short"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        assert found() is None

    asyncio.run(main())


@pytest.mark.parametrize("error", [TypeError("s3cret"), KeyError("s3cret"), AssertionError("s3cret")])
def test_a_fault_of_the_program_is_an_error_with_its_place_and_without_its_words(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        tasks.spawn(fails(error), "upkeep of x")
        await asyncio.sleep(0.001)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    [record] = [each for each in caplog.records if each.name == "aiclient2api.tasks"]
    first, *frames = record.message.splitlines()
    assert (record.levelname, first) == ("ERROR", f"task upkeep of x failed with {type(error).__name__}")
    assert any("in fails" in frame for frame in frames)
    assert "s3cret" not in f"{record.message}{record.exc_info}"


@pytest.mark.parametrize("error", [ExpectedError("e"), OSError(5, "o"), TimeoutError(), ConnectionResetError()])
def test_an_expected_failure_is_only_noted(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        task = tasks.spawn(fails(error), "connect")
        with pytest.raises(type(error)):
            await task

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    [record] = [each for each in caplog.records if each.name == "aiclient2api.tasks"]
    assert record.levelname == "DEBUG"
    assert record.message == f"task connect ended with {error!r}"


def test_a_cancelled_task_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await tasks.stop(tasks.spawn(sleeps([]), "x"))

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert [each for each in caplog.records if each.name.startswith("aiclient2api")] == []


def test_stop_waits_until_everything_has_ended() -> None:
    async def main() -> None:
        log: list[str] = []
        running = [tasks.spawn(sleeps(log, name), name) for name in "abc"]
        await asyncio.sleep(0)
        await tasks.stop(*running)
        assert sorted(log) == ["a", "b", "c"]
        assert all(task.cancelled() for task in running)

    asyncio.run(main())


def test_stop_takes_what_has_ended_and_nothing() -> None:
    async def main() -> None:
        done = tasks.spawn(asyncio.sleep(0), "done")
        failed = tasks.spawn(fails(ExpectedError()), "failed")
        await asyncio.wait([done, failed])
        await tasks.stop(done, None, failed)
        await tasks.stop()
        assert not done.cancelled()

    asyncio.run(main())


def test_stop_survives_a_task_that_fails_while_it_ends() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ExpectedError from None

    async def main() -> None:
        task = tasks.spawn(stubborn(), "stubborn")
        await asyncio.sleep(0)
        await tasks.stop(task)
        assert isinstance(task.exception(), ExpectedError)

    asyncio.run(main())
