"""The platform's own images: built by the toolkit, run without any right, and queried."""

import gzip
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from containers import Docker, Service, volume
from docker_engine import DockerEngine
from sandbox import Ended, Sandbox
from surroundings import given, silenced

pytestmark = pytest.mark.long

IMAGES = Path(__file__).parent.parent.parent / "images"
BUILT = ("express-gateway", "gdal", "k8s-toolbox", "mapcache", "mapserver", "tileserver-gl")
USERS = {"mapserver": 33, "mapcache": 33}
SCRATCH = "--tmpfs=/tmp"
PNG = b"\x89PNG\r\n\x1a\n"
CAPABILITIES = "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"
WORLD = "CRS=EPSG:4326&BBOX=-90,-180,90,180&WIDTH=200&HEIGHT=100&STYLES=&FORMAT=image/png"
GET_MAP = f"SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&{WORLD}&LAYERS=graticule,cities"
ROUTES = "gateway.config.yml"
BESIDE = 8000
FIRST_TILE = "wmts/1.0.0/sample/default/GLOBAL_WEBMERCATOR/0/0/0.png"

Services = Mapping[str, Service]


@pytest.fixture(scope="module")
def docker(docker_engine: DockerEngine) -> Docker:
    return Docker(docker_engine.host)


@pytest.fixture(scope="module")
def built(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Build all of them by one command, with every check that it has."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("platform") / "clone")
    sandbox.git("remote", "add", "origin", "https://git.example.org/platform.git")
    for app in BUILT:
        shutil.copytree(IMAGES / app, sandbox.path / "images" / app)
    sandbox.commit()
    with pytest.MonkeyPatch.context() as patch:
        for name in silenced(os.environ):
            patch.delenv(name)
        home = given(tmp_path_factory.mktemp("home"))
        return sandbox.run(
            "build-image", "--all", "--json", environ={**home, "DOCKER_HOST": docker.host}
        )


@pytest.fixture(scope="module")
def images(built: Ended) -> Mapping[str, str]:
    """Return the names of what was built, by app."""
    assert built.exit_code == 0, built.err
    return {each["app"]: each["reference"] for each in built.document["images"]}


@pytest.fixture(scope="module")
def mapserver(docker: Docker, images: Mapping[str, str]) -> Iterator[Service]:
    with docker.serving(images["mapserver"], options=[SCRATCH]) as service:
        yield service


@contextmanager
def mapserver_beside(service: Service, image: str, folder: Path) -> Iterator[Service]:
    """Run MapServer in the network of another service, where 8080 is taken, on `BESIDE`."""
    text = (IMAGES / "mapserver/apache.conf").read_text()
    (folder / "apache.conf").write_text(text.replace("Listen 8080", f"Listen {BESIDE}"))
    mounted = volume(folder / "apache.conf", "/etc/apache.conf")
    options = [SCRATCH, mounted, f"--network=container:{service.name}"]
    with service.docker.serving(image, options=options) as beside:
        service.get("/", port=BESIDE)
        yield beside


@pytest.fixture(scope="module")
def caching(
    docker: Docker, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Return MapCache, and the MapServer that it caches, as in the sample but for the port."""
    folder = tmp_path_factory.mktemp("mapcache")
    text = (IMAGES / "mapcache/mapcache.xml").read_text()
    (folder / "mapcache.xml").write_text(text.replace("mapserver:8080", f"mapserver:{BESIDE}"))
    options = [
        *(SCRATCH, "--tmpfs=/var/cache/mapcache:uid=33", "--add-host=mapserver:127.0.0.1"),
        volume(folder / "mapcache.xml", "/etc/mapcache/mapcache.xml"),
    ]
    with (
        docker.serving(images["mapcache"], options=options) as service,
        mapserver_beside(service, images["mapserver"], folder) as source,
    ):
        yield service, source


@pytest.fixture(scope="module")
def mapcache(caching: tuple[Service, Service]) -> Service:
    return caching[0]


@pytest.fixture(scope="module")
def tileserver(
    docker: Docker, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("data")
    write_tiles(folder / "places.mbtiles", PLACES)
    with docker.serving(images["tileserver-gl"], options=[volume(folder, "/data")]) as service:
        yield service


@pytest.fixture(scope="module")
def gateway(
    docker: Docker, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Return a gateway that hands what begins with /wms on to a MapServer."""
    folder = tmp_path_factory.mktemp("gateway")
    config = yaml.safe_load((IMAGES / f"express-gateway/config/{ROUTES}").read_text())
    config["apiEndpoints"]["wms"] = {"host": "*", "paths": "/wms*"}
    config["serviceEndpoints"]["mapserver"] = {"url": f"http://127.0.0.1:{BESIDE}"}
    config["policies"].append("proxy")
    proxy = {"action": {"serviceEndpoint": "mapserver"}}
    config["pipelines"]["wms"] = {"apiEndpoints": ["wms"], "policies": [{"proxy": [proxy]}]}
    (folder / ROUTES).write_text(yaml.safe_dump(config))
    options = [volume(folder / ROUTES, f"/var/lib/eg/{ROUTES}")]
    with (
        docker.serving(images["express-gateway"], options=options) as service,
        mapserver_beside(service, images["mapserver"], folder),
    ):
        yield service


@pytest.fixture(scope="module")
def services(
    mapserver: Service, mapcache: Service, tileserver: Service, gateway: Service
) -> Services:
    return {
        "mapserver": mapserver, "mapcache": mapcache,
        "tileserver-gl": tileserver, "express-gateway": gateway,
    }  # fmt: skip


# A vector tile (Mapbox Vector Tile Specification 2.1) with one empty layer, called "places".
PLACES = b"\x1a\x0d\x0a\x06places\x28\x80\x20\x78\x02"


def write_tiles(file: Path, tile: bytes) -> None:
    """Write a file of tiles (MBTiles 1.3) that holds the one tile of zoom 0."""
    metadata = {
        "name": "places", "format": "pbf", "minzoom": "0", "maxzoom": "0",
        "bounds": "-180,-85,180,85", "center": "0,0,0",
        "json": json.dumps({"vector_layers": [{"id": "places", "fields": {}}]}),
    }  # fmt: skip
    with sqlite3.connect(file) as tiles:
        tiles.execute("CREATE TABLE metadata (name text, value text)")
        tiles.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        columns = "zoom_level integer, tile_column integer, tile_row integer, tile_data blob"
        tiles.execute(f"CREATE TABLE tiles ({columns})")
        tiles.execute("INSERT INTO tiles VALUES (0, 0, 0, ?)", (gzip.compress(tile),))
    tiles.close()


def test_passes_every_check_before_and_after_the_build(built: Ended) -> None:
    assert built.exit_code == 0, built.err
    images = built.document["images"]
    assert tuple(each["app"] for each in images) == BUILT
    assert [each["findings"] for each in images] == [[]] * len(BUILT)


@pytest.mark.parametrize("app", BUILT)
def test_runs_as_a_user_that_is_no_root_told_by_number(
    app: str, docker: Docker, images: Mapping[str, str], services: Services
) -> None:
    expected = USERS.get(app, 1000)
    assert docker.inspect(images[app])["Config"]["User"] == f"{expected}:{expected}"
    if app in services:
        assert services[app].user() == expected
    assert docker.once(images[app], "id", "-u") == str(expected)


@pytest.mark.parametrize("app", ["mapserver", "mapcache", "tileserver-gl", "express-gateway"])
def test_tells_by_its_own_check_whether_it_serves(
    app: str, docker: Docker, images: Mapping[str, str], services: Services
) -> None:
    services[app].get("/")
    services[app].check_health()
    check = docker.inspect(images[app])["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    docker.once(images[app], *check[1:], fails=True)


def test_mapserver_tells_its_capabilities(mapserver: Service) -> None:
    for path in ("/", "/cgi-bin/mapserv", "/wms"):
        answer = mapserver.get(f"{path}?{CAPABILITIES}")
        assert (answer.status, answer.kind) == (200, "text/xml")
        layers = re.findall(r"<Layer\b[^>]*>\s*<Name>(.*?)</Name>", answer.text)
        assert layers == ["sample", "graticule", "cities"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_mapserver_draws_a_map(mapserver: Service) -> None:
    answer = mapserver.get(f"/?{GET_MAP}")
    assert (answer.status, answer.kind) == (200, "image/png")
    assert answer.body.startswith(PNG)
    assert mapserver.get(f"/?{GET_MAP.removesuffix(',cities')}").body != answer.body


def test_mapserver_hands_out_features(mapserver: Service) -> None:
    query = "SERVICE=WFS&VERSION=2.0.0&REQUEST=GetFeature&TYPENAMES=cities"
    answer = mapserver.get(f"/cgi-bin/wfs?{query}")
    assert answer.status == 200
    assert "Wellington" in answer.text


@pytest.mark.parametrize("other", ["/etc/passwd", "/etc/mapserver/../passwd", "/tmp/x.map"])
def test_mapserver_reads_no_other_map_than_the_pattern_allows(
    other: str, mapserver: Service
) -> None:
    answer = mapserver.get(f"/?map={other}&{CAPABILITIES}")
    assert "fails to validate" in answer.text


def test_mapserver_heeds_the_variables_that_its_users_know(
    docker: Docker, images: Mapping[str, str], tmp_path: Path
) -> None:
    text = (IMAGES / "mapserver/map/mapserver.map").read_text()
    (tmp_path / "own.map").write_text(text.replace('"Sample map"', '"A map of our own"'))
    (tmp_path / "cities.geojson").write_bytes(
        (IMAGES / "mapserver/map/cities.geojson").read_bytes()
    )
    given = {
        "MS_MAPFILE": "/etc/mapserver/own.map", "MS_DEBUGLEVEL": "5",
        "MIN_PROCESSES": "2", "MAX_PROCESSES": "2", "CPL_DEBUG": "ON",
    }  # fmt: skip
    variables = [f"--env={name}={value}" for name, value in given.items()]
    options = [SCRATCH, volume(tmp_path, "/etc/mapserver"), *variables]
    with docker.serving(images["mapserver"], options=options) as service:
        assert "A map of our own" in service.get(f"/?{CAPABILITIES}").text
        assert service.get(f"/?{GET_MAP}").body.startswith(PNG)
        log = service.log()
        assert "msDrawMap()" in log
        assert "GeoJSON" in log or "GDAL" in log
        service.stop()


def test_mapcache_serves_tiles_of_a_map_and_keeps_them(caching: tuple[Service, Service]) -> None:
    mapcache, source = caching
    answer = mapcache.get(f"/mapcache/{FIRST_TILE}")
    assert (answer.status, answer.kind) == (200, "image/png")
    assert answer.body.startswith(PNG)
    assert (drawn := source.log().count("REQUEST=GetMap")) > 0
    tms = "tms/1.0.0/sample@GLOBAL_WEBMERCATOR/0/0/0.png"
    for path in (f"/mapcache/{FIRST_TILE}", f"/ows/{FIRST_TILE}", f"/mapcache/{tms}"):
        assert mapcache.get(path).body == answer.body
    assert source.log().count("REQUEST=GetMap") == drawn


def test_mapcache_seeds_its_cache(mapcache: Service) -> None:
    words = ["-c", "/etc/mapcache/mapcache.xml", "-t", "sample", "-g", "GLOBAL_WEBMERCATOR"]
    mapcache.execute("mapcache_seed", *words, "-z", "1,1", "-q")
    kept = mapcache.execute("find", "/var/cache/mapcache", "-path", "*/01/*", "-name", "*.png")
    assert len(kept.splitlines()) == 4


def test_tileserver_serves_a_tile(tileserver: Service) -> None:
    assert tileserver.get("/health").text == "OK"
    answer = tileserver.get("/data/places/0/0/0.pbf")
    assert (answer.status, answer.kind) == (200, "application/x-protobuf")
    assert gzip.decompress(answer.body) == PLACES
    described = json.loads(tileserver.get("/data/places.json").body)
    assert [each["id"] for each in described["vector_layers"]] == ["places"]


def test_tileserver_serves_by_itself_and_fetches_no_demo(
    docker: Docker, images: Mapping[str, str]
) -> None:
    with docker.serving(images["tileserver-gl"]) as service:
        assert service.get("/health").status in {200, 503}
        assert json.loads(service.get("/data.json").body) == []
        assert "DEMO" not in service.log()
        service.stop()


def test_gateway_hands_requests_on(gateway: Service) -> None:
    assert gateway.get("/healthcheck").text == "OK"
    answer = gateway.get(f"/wms?{GET_MAP}")
    assert (answer.status, answer.kind) == (200, "image/png")
    assert answer.body.startswith(PNG)
    assert gateway.get("/elsewhere").status == 404


def test_gateway_lets_nobody_else_administer_it(gateway: Service) -> None:
    gateway.get("/healthcheck")
    ask = (
        "fetch('http://127.0.0.1:9876/users').then(async (each) => console.log(await each.text()))"
    )
    assert json.loads(gateway.execute("node", "-e", ask)) == {"users": [], "nextKey": 0}
    with pytest.raises(ConnectionRefusedError):
        gateway.connect(9876)


def test_gdal_reads_and_converts(docker: Docker, images: Mapping[str, str], tmp_path: Path) -> None:
    places = (IMAGES / "mapserver/map/cities.geojson").read_bytes()
    (tmp_path / "cities.geojson").write_bytes(places)
    options = [SCRATCH, volume(tmp_path, "/given")]
    script = (
        "ogr2ogr -f GPKG /tmp/cities.gpkg /given/cities.geojson && "
        "gdal_rasterize -q -burn 255 -ts 36 18 -te -180 -90 180 90 -ot Byte "
        "/tmp/cities.gpkg /tmp/cities.tif && gdalinfo -json -stats /tmp/cities.tif"
    )
    found = json.loads(docker.once(images["gdal"], "bash", "-c", script, options=options))
    assert found["driverShortName"] == "GTiff"
    assert found["size"] == [36, 18]
    assert found["bands"][0]["maximum"] == 255


@pytest.mark.parametrize(
    "command",
    [
        ("python3", "-c", "from osgeo import gdal, ogr"),
        ("node", "--version"),
        ("convert", "-version"),
        ("rclone", "version"),
        ("7z", "i"),
        ("sqlite3", "--version"),
        ("curl", "--version"),
    ],
    ids=lambda words: words[0],
)
def test_gdal_has_the_tools_of_a_tool_box(
    command: tuple[str, ...], docker: Docker, images: Mapping[str, str]
) -> None:
    docker.once(images["gdal"], *command, options=[SCRATCH])


def test_toolbox_fills_in_variables_and_knows_kubernetes(
    docker: Docker, images: Mapping[str, str]
) -> None:
    toolbox = images["k8s-toolbox"]
    version = json.loads(docker.once(toolbox, "kubectl", "version", "--client", "-o", "json"))
    described = yaml.safe_load((IMAGES / "k8s-toolbox/image.yaml").read_text())["version"]
    assert version["clientVersion"]["gitVersion"] == f"v{described}"
    script = "echo 'https://api.$SUBDOMAIN' | envsubst"
    filled = docker.once(toolbox, "bash", "-c", script, options=["--env=SUBDOMAIN=example.org"])
    assert filled == "https://api.example.org"


@pytest.mark.parametrize("program", ["curl", "msmtp", "rclone", "tar", "tmux", "unzip"])
def test_toolbox_has_the_tools_of_a_tool_box(
    program: str, docker: Docker, images: Mapping[str, str]
) -> None:
    docker.once(images["k8s-toolbox"], "bash", "-c", f"command -v {program}")


def test_toolbox_takes_settings_from_one_folder(
    docker: Docker, images: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "rclone").mkdir()
    (tmp_path / "rclone/rclone.conf").write_text("[store]\ntype = memory\n")
    options = [volume(tmp_path, "/config")]
    assert docker.once(images["k8s-toolbox"], "rclone", "listremotes", options=options) == "store:"
