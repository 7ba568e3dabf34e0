"""Makes one image: build, check what was built, try it, and only then give it its name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kargo_release.docker.engine import Engine
from kargo_release.docker.image import Ended, LocalImage
from kargo_release.docker.order import ApartContext, Builder, BuildOrder, Built, TarContext
from kargo_release.errors import FailedError, InterruptError, RefusedError, excerpt
from kargo_release.findings import Finding, has_errors
from kargo_release.git.scratch import temporary_folder
from kargo_release.images.context import Context
from kargo_release.images.context_tar import (
    write_dockerfile,
    write_folder,
    write_plain,
    write_tar,
)
from kargo_release.images.desired import CACHE_TAG, ImageBuild
from kargo_release.images.halting import Halting
from kargo_release.images.image_file import DOCKERFILE
from kargo_release.images.image_files import GROUP, PASSWD, ImageFiles
from kargo_release.images.inspection import SMOKE_FAILED, finding, inspect

_SMOKE_SECONDS = 120.0
# How runtimes tell a program that is not there (opencontainers/runc, exec.LookPath and stat).
_NOT_THERE = ("executable file not found", "no such file or directory")


class FindingsError(RefusedError):
    """An image breaks rules that are errors."""


@dataclass(frozen=True)
class Manner:
    """How images are built.

    Args:
        no_cache: Do every step anew.
        cache: Take steps from a cache beside the image in the registry, and keep new ones there.
        secrets: Files by the id that ``RUN --mount=type=secret,id=…`` names.
        attestations: What is pushed with an image, of `docker.order.ATTESTATIONS`.
    """

    no_cache: bool = False
    cache: bool = False
    secrets: Mapping[str, Path] = field(default_factory=dict)
    attestations: tuple[str, ...] = ()


@dataclass
class Maker:
    """Makes images by one builder and one engine.

    Args:
        engine: Where images are kept and tried.
        builder: What builds them.
        listener: Told what happens; stops it on an interrupt.
        manner: How images are built.
    """

    engine: Engine
    builder: Builder
    listener: Halting
    manner: Manner
    _set_ids: dict[str, dict[str, int]] = field(default_factory=dict)

    def check(self, build: ImageBuild, *, push: bool) -> None:
        """Refuse what the builder can't do.

        Raises:
            RefusedError: It can't.
            InvalidError: A value is none that a builder takes.
        """
        if build.own_references and not (push or self.builder.sees_engine):
            raise RefusedError(
                f"the builder in use can't see the engine's images, and {build.title} is based on"
                f" {', '.join(build.own_bases)}",
                "Push both, with --push; or use the engine's own: docker buildx use default",
            )
        context = self._context(build, Path())
        orders = [self._order(build, context)]
        if push and self._is_pushed_by_builder(build):
            orders.append(self._order_to_push(build, context))
        for order in orders:
            self.builder.check(order, build.demand)

    def make(self, build: ImageBuild) -> LocalImage:
        """Return the image, built, checked and named in the engine; of one of its platforms.

        Raises:
            FailedError: It could not be built.
            FindingsError: It breaks rules; it bears no name then.
        """
        self.listener.step(build, "building")
        with temporary_folder() as folder:
            order = self._order(build, self._written(build, folder))
            image = self._image(self._built(build, order).image)
        self.listener.step(build, "checking the image")
        self._check_built(build, image)
        for name in build.names:
            self.engine.tag(image.id, name)
        return image

    def push(self, build: ImageBuild) -> str:
        """Make the image, push it for all its platforms, and return its manifest's digest.

        Raises:
            FailedError: It could not be built or pushed.
            RefusedError: It breaks rules, or the registry does not take it.
        """
        self.make(build)
        self.listener.step(build, "pushing")
        if not self._is_pushed_by_builder(build):
            return self.engine.push(build.reference, lambda line: self.listener.line(build, line))
        with temporary_folder() as folder:
            order = self._order_to_push(build, self._written(build, folder))
            return self._built(build, order).digest

    def _built(self, build: ImageBuild, order: BuildOrder) -> Built:
        def log(line: str) -> None:
            self.listener.line(build, line)

        return self.builder.build(order, log, self.listener.pulse)

    def _is_pushed_by_builder(self, build: ImageBuild) -> bool:
        """Whether what is pushed is more than the one image that the engine has."""
        return len(build.image.platforms) > 1 or bool(self.manner.attestations)

    def _order(self, build: ImageBuild, context: TarContext | ApartContext) -> BuildOrder:
        """Return the order of an image that can be looked at: of the engine's platform at best."""
        platforms = build.image.platforms
        own = [each for each in platforms if each == self.engine.platform]
        return BuildOrder(
            context=context,
            arguments=build.image.arguments,
            labels=build.labels,
            target=build.image.target,
            platforms=tuple((own or list(platforms))[:1]),
            no_cache=self.manner.no_cache,
            cache=self._cache(build),
            keep_cache=self.manner.cache,
            images=self._seen(build),
            secrets=self.manner.secrets,
        )

    def _order_to_push(self, build: ImageBuild, context: TarContext | ApartContext) -> BuildOrder:
        return BuildOrder(
            context=context,
            arguments=build.image.arguments,
            labels=build.labels,
            target=build.image.target,
            platforms=build.image.platforms,
            no_cache=self.manner.no_cache,
            cache=self._cache(build),
            images=self._seen(build),
            secrets=self.manner.secrets,
            push=build.reference,
            attestations=self.manner.attestations,
        )

    def _seen(self, build: ImageBuild) -> Mapping[str, str]:
        """Return where bases of this repository are for a builder that can't see the engine's."""
        return {} if self.builder.sees_engine else build.own_references

    def _cache(self, build: ImageBuild) -> str | None:
        repository = build.reference.rpartition(":")[0]
        return f"{repository}:{CACHE_TAG}" if self.manner.cache else None

    def _check_built(self, build: ImageBuild, image: LocalImage) -> None:
        with ThreadPoolExecutor(1) as pool:
            smoke = pool.submit(lambda: list(self._smoke(build, image)))
            try:
                findings = [*self._inspected(build, image), *smoke.result()]
            except (KeyboardInterrupt, InterruptError):
                self.listener.halt()
                raise
        self.listener.found(findings)
        if has_errors(findings):
            raise broken(build, findings)

    def _inspected(self, build: ImageBuild, image: LocalImage) -> list[Finding]:
        with self.engine.opened(image.id) as held:
            files = ImageFiles({each.path: each for each in held.every((PASSWD, GROUP))})
        return inspect(build, image, files, self._in_base(build, files.set_ids))

    def _in_base(self, build: ImageBuild, paths: Iterable[str]) -> Mapping[str, int]:
        """Return the set-uid and set-gid bits of files in the image that the build begins with."""
        base, content = build.root, build.inputs.bases.get(build.root, "")
        known = self._set_ids.setdefault(content, {})
        unknown = [path for path in paths if path not in known]
        if base and unknown:
            seen = self.engine.image(base) if self.builder.sees_engine else None
            held = seen or self._image(self._only(build))
            with self.engine.opened(held.id) as files:
                known.update((path, files.set_ids(path)) for path in unknown)
        return known if base else {}

    def _context(self, build: ImageBuild, folder: Path) -> TarContext | ApartContext:
        """Return where the builder finds what it builds from, written or not."""
        if not isinstance(build.context, Context):
            return ApartContext(str(build.context), folder / DOCKERFILE)
        if build.context.hidden and self.builder.takes_apart:
            return ApartContext(str(folder / "context"), folder / DOCKERFILE)
        return TarContext(folder / "context.tar", build.context.dockerfile_path)

    def _written(self, build: ImageBuild, folder: Path) -> TarContext | ApartContext:
        context = self._context(build, folder)
        if isinstance(context, ApartContext):
            write_plain(build.dockerfile, context.dockerfile)
            if isinstance(build.context, Context):
                write_folder(build.context, Path(context.address))
        elif isinstance(build.context, Context):
            write_tar(build.context, context.file)
        return context

    def _only(self, build: ImageBuild) -> str:
        """Return the Id of the base, which BuildKit keeps to itself, brought into the engine."""
        with temporary_folder() as folder:
            file = folder / "context.tar"
            write_dockerfile(f"FROM {build.root}\n".encode(), file)
            order = BuildOrder(TarContext(file), images=self._seen(build))
            return self.builder.build(order, lambda _: None, self.listener.pulse).image

    def _smoke(self, build: ImageBuild, image: LocalImage) -> Iterator[Finding]:
        if not build.image.smoke:
            return
        self.listener.step(build, "running the smoke command")
        try:
            command = build.image.smoke
            ended = self.engine.run(image.id, command, _SMOKE_SECONDS, self.listener.pulse)
            fault = _fault(ended)
        except FailedError as error:
            self._image(image.id)  # raises where it is the engine that failed
            fault = _why_not_started(error.message, build.image.smoke[0])
        if fault:
            shown = excerpt(" ".join(build.image.smoke))
            yield finding(build, SMOKE_FAILED, f"{shown} {fault}")

    def _image(self, identifier: str) -> LocalImage:
        image = self.engine.image(identifier)
        if image is None:
            raise FailedError(
                f"the image {identifier[:80]} that was just built is gone from the engine",
                "Look whether somebody removes images meanwhile; then run this again.",
            )
        return image


def _why_not_started(said: str, program: str) -> str:
    """Return why a command could not be started, in words; the engine takes many for it."""
    if any(each in said for each in _NOT_THERE):
        return f"could not be started: {program!r} is not in the image"
    return f"could not be started: {excerpt(said)}"


def _fault(ended: Ended) -> str:
    """Return how a command failed, in words; empty where it did not."""
    if ended.exit_code == 0:
        return ""
    how = f"ended with {ended.exit_code}"
    if ended.exit_code is None:
        how = f"did not end within {_SMOKE_SECONDS:g} s"
    how += ", for it had no more memory" if ended.out_of_memory else ""
    return f"{how}: {excerpt(ended.output)}" if ended.output.strip() else how


def broken(build: ImageBuild, findings: Sequence[Finding]) -> FindingsError:
    """Return the error for an image that breaks rules; the first one is told."""
    errors = [each for each in sorted(findings) if has_errors([each])]
    first, more = errors[0], len(errors) - 1
    others = f" (and {more} more)" if more else ""
    return FindingsError(
        f"{build.title}: {first.rule} {first.message} ({first.file}:{first.line}){others}",
        first.remedy,
    )
