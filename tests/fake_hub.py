"""A stand-in of the Hugging Face Hub: the part of its HTTP protocol that models are fetched and pushed with."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "hf_of_the_test"

File = tuple[bytes, bool]
"""Content, and whether it is in large file storage (LFS)."""


@dataclass
class Repository:
    """Commits by their ids, each the files by name; branches with the ids of their last ones."""

    private: bool = False
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, files: dict[str, File], message: str = "") -> str:
        name = hashlib.sha1(f"{len(self.commits)} {message}".encode()).hexdigest()
        self.commits[name], self.branches[branch] = files, name
        self.messages.append(message)
        return name

    def find(self, revision: str) -> str | None:
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass
class Hub:
    """The repositories by name, the content of large files by digest, and the requests that were made."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    down: bool = False
    sent: Callable[[bytes], bytes] = lambda data: data
    stated_size: int | None = None

    def add(self, repository: str, files: dict[str, bytes], lfs: bool = True) -> str:
        """Put files into a repository, on main; return the commit."""
        made = self.repositories.setdefault(repository, Repository())
        return made.commit("main", {name: (data, lfs) for name, data in files.items()})

    def files(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        found = self.repositories[repository]
        return {name: data for name, (data, _) in found.commits[found.find(revision) or ""].items()}


def _refuse(status: int, message: str, code: str = "") -> Response:
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return JSONResponse({"error": message}, status, headers)


def _git_digest(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def make_app(hub: Hub) -> Starlette:
    """Return the hub as an application. Writing needs TOKEN, and so does reading a private repository."""

    def allowed(request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def found(request: Request) -> tuple[Repository, str] | Response:
        name = "{user}/{model}".format(**request.path_params)
        prefix = "datasets/" * ("datasets/" in request.url.path)
        repository = hub.repositories.get(prefix + name)
        if repository is None or (repository.private and not allowed(request)):
            return _refuse(404, "Repository not found", "RepoNotFound")
        commit = repository.find(request.path_params.get("revision", "main"))
        if commit is None:
            return _refuse(404, "Invalid rev id", "RevisionNotFound")
        return repository, commit

    async def info(request: Request) -> Response:
        if isinstance(there := found(request), Response):
            return there
        repository, commit = there
        siblings: list[dict[str, Any]] = []
        for name, (data, lfs) in repository.commits[commit].items():
            size = hub.stated_size or len(data)
            each = {"rfilename": name}
            if "blobs" in request.query_params:
                each |= {"size": size, "blobId": _git_digest(data)}
                digest = hashlib.sha256(data).hexdigest()
                each |= {"lfs": {"size": size, "sha256": digest, "pointerSize": 134}} if lfs else {}
            siblings.append(each)
        return JSONResponse({"id": "a/b", "sha": commit, "siblings": siblings, "private": repository.private})

    async def resolve(request: Request) -> Response:
        if isinstance(there := found(request), Response):
            return there
        repository, commit = there
        if (file := repository.commits[commit].get(request.path_params["file"])) is None:
            return _refuse(404, "Entry not found", "EntryNotFound")
        data, lfs = file
        digest = hashlib.sha256(data).hexdigest() if lfs else _git_digest(data)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        return Response(hub.sent(data), headers=headers | {"X-Linked-ETag": f'"{digest}"'})

    async def tree(request: Request) -> Response:
        """Return the files of a repository as a list; folders are not listed for themselves."""
        if isinstance(there := found(request), Response):
            return there
        repository, commit = there
        return JSONResponse(
            [
                {"type": "file", "path": name, "size": len(data), "oid": _git_digest(data)}
                for name, (data, _) in repository.commits[commit].items()
            ]
        )

    async def create(request: Request) -> Response:
        if not allowed(request):
            return _refuse(401, "Invalid username or password.")
        asked = await request.json()
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{hub.url}/{name}"}
        if name in hub.repositories:
            return JSONResponse({"error": "You already created this model repo"} | url, 409)
        hub.repositories[name] = Repository(asked.get("private") or asked.get("visibility") == "private")
        hub.repositories[name].commit("main", {".gitattributes": (b"", False)}, "initial commit")
        return JSONResponse(url)

    async def branch(request: Request) -> Response:
        repository = hub.repositories["{user}/{model}".format(**request.path_params)]
        if not allowed(request):
            return _refuse(403, "Forbidden")
        if request.path_params["branch"] in repository.branches:
            return _refuse(409, "Reference already exists")
        repository.branches[request.path_params["branch"]] = repository.branches["main"]
        return Response()

    async def validate(request: Request) -> Response:
        import yaml

        content = (await request.json())["content"]
        head = yaml.safe_load(content.split("---")[1])
        if head["license"] == "other" and not set(head["license_name"]) <= set(
            "abcdefghijklmnopqrstuvwxyz0123456789.-"
        ):
            return JSONResponse({"errors": [{"message": "license_name does not match"}]}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    async def preupload(request: Request) -> Response:
        files = (await request.json())["files"]
        return JSONResponse(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "regular" if file["path"].endswith(".md") else "lfs",
                        "shouldIgnore": False,
                    }
                    for file in files
                ]
            }
        )

    async def batch(request: Request) -> Response:
        asked = await request.json()
        objects = [
            each | {"actions": {"upload": {"href": f"{hub.url}/lfs/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def store(request: Request) -> Response:
        data = await request.body()
        assert hashlib.sha256(data).hexdigest() == request.path_params["oid"]
        hub.stored[request.path_params["oid"]] = data
        return Response()

    async def commit(request: Request) -> Response:
        name = "{user}/{model}".format(**request.path_params)
        repository, revision = hub.repositories[name], request.path_params["revision"]
        if not allowed(request):
            return _refuse(403, "Forbidden")
        message, files = "", dict(repository.commits[repository.branches[revision]])
        for line in (await request.body()).splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    message = value["summary"]
                    if value.get("parentCommit") not in (None, repository.branches[revision]):
                        return _refuse(412, "A commit has happened since")
                case "file":
                    files[value["path"]] = (base64.b64decode(value["content"]), False)
                case "lfsFile":
                    files[value["path"]] = (hub.stored[value["oid"]], True)
                case "deletedFile":
                    del files[value["path"]]
        made = repository.commit(revision, files, message)
        return JSONResponse(
            {"commitUrl": f"{hub.url}/{name}/commit/{made}", "commitOid": made, "success": True}
        )

    model = "/api/models/{user}/{model}"
    app = Starlette(
        routes=[
            Route(model, info),
            Route(f"{model}/revision/{{revision}}", info),
            Route("/{user}/{model}/resolve/{revision}/{file:path}", resolve),
            Route("/api/datasets/{user}/{model}", info),
            Route("/api/datasets/{user}/{model}/revision/{revision}", info),
            Route("/api/datasets/{user}/{model}/tree/{revision}", tree),
            Route("/datasets/{user}/{model}/resolve/{revision}/{file:path}", resolve),
            Route("/api/repos/create", create, methods=["POST"]),
            Route(f"{model}/branch/{{branch}}", branch, methods=["POST"]),
            Route("/api/validate-yaml", validate, methods=["POST"]),
            Route(f"{model}/preupload/{{revision}}", preupload, methods=["POST"]),
            Route("/{user}/{model}.git/info/lfs/objects/batch", batch, methods=["POST"]),
            Route("/lfs/{oid}", store, methods=["PUT"]),
            Route(f"{model}/commit/{{revision}}", commit, methods=["POST"]),
        ]
    )

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            hub.requests.append(f"{scope['method']} {scope['path']}")
            if hub.down:
                return await Response("in maintenance", 503)(scope, receive, send)
        await app(scope, receive, send)

    return counting  # type: ignore[return-value]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve the hub on a port of this machine; its `url` is set."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        hub.url = f"http://127.0.0.1:{own.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make_app(hub), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield hub
        finally:
            server.should_exit = True
            thread.join()
