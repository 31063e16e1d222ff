"""A dask.distributed cluster as an executor of `concurrent.futures`, to read files on several machines.

The cluster's workers need this library and the files under the same paths. Their results are put in the order of the
files, so the shards are the same bytes as those written by one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from ritornello.errors import ConfigError, MissingExtraError

SECONDS_TO_CONNECT = 10


class ClusterExecutor(Executor):
    """Submits calls to a cluster; `workers` is the number of calls that it runs at once."""

    def __init__(self, client: Any) -> None:
        self._client, self._executor = client, client.get_executor(pure=False)

    @property
    def workers(self) -> int:
        return max(1, sum(map(int, self._client.nthreads().values())))

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = self._executor.submit(function, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait, cancel_futures=cancel_futures)


@contextmanager
def cluster(address: str | None) -> Iterator[ClusterExecutor | None]:
    """Yield an executor on the cluster whose scheduler is at `address` (such as tcp://host:8786), or None for None.

    ConfigError for a cluster that cannot be reached; MissingExtraError without dask.distributed.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("distributed", "cluster") from error
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"no cluster at {address!r}: {error}; wanted is such as tcp://host:8786") from error
    try:
        with client:
            yield ClusterExecutor(client)
    finally:
        client.close()
