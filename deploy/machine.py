"""What a machine is, for whoever reads figures that were taken on it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from deploy.production_servers import KAFKA_JARS

PACKAGES: Final = (
    "faust-streaming",
    "aiokafka",
    "confluent-kafka",
    "redis",
    "feast",
    "numpy",
    "pyarrow",
    "grpcio",
    "onnxruntime",
    "lightgbm",
)
HERE: Final = Path(__file__).parent
PINNED: Final = {
    "Kafka Streams": ("peers/java/kafka-streams.xml", r"<artifactId>kafka-streams</artifactId>\s*<version>([^<]+)<"),
    "Flink": ("peers/java/flink.xml", r"<artifactId>flink-streaming-java</artifactId>\s*<version>([^<]+)<"),
    "bytewax": ("peers/requirements/bytewax.txt", r"(?m)^bytewax==(\S+)"),
    "quixstreams": ("peers/requirements/quix.txt", r"(?m)^quixstreams==(\S+)"),
    "MLServer": ("score_peers/requirements/mlserver.txt", r"(?m)^mlserver==(\S+)"),
    "BentoML": ("score_peers/requirements/bentoml.txt", r"(?m)^bentoml==(\S+)"),
}
ANSWER_S: Final = 10.0
CPU_INFO: Final = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, str]:
    """Processor, memory, system and the versions that matter to speed."""
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Java": java_version(),
        "Apache Kafka": kafka_version(),
        "Redis server": redis_version(),
        **{name: metadata.version(name) for name in PACKAGES},
        **peer_versions(),
    }


def peer_versions() -> dict[str, str]:
    """The versions that the peers of the benches are pinned to, each in the file that it is made from."""
    return {name: re.findall(pattern, (HERE / file).read_text())[0] for name, (file, pattern) in PINNED.items()}


def java_version() -> str:
    """The version of the java on PATH."""
    told = said_by("java", "-version")
    found = re.search(r'version "([^"]+)"', told)
    return found[1] if found else told or "not installed"


def processor() -> str:
    """The processor's own name, where the system tells."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def kafka_version() -> str:
    """The version of the jars that `make fetch` brings."""
    names = [jar.stem.rpartition("-")[2] for jar in KAFKA_JARS.glob("kafka_2.13-*.jar")]
    return names[0] if names else "not installed"


def redis_version() -> str:
    """The version of the redis-server on PATH."""
    told = said_by("redis-server", "--version")
    found = re.search(r"v=(\S+)", told)
    return found[1] if found else told or "not installed"


def said_by(name: str, *arguments: str) -> str:
    """What a program says of itself; nothing where it is not on PATH."""
    program = shutil.which(name)
    if program is None:
        return ""
    done = subprocess.run((program, *arguments), capture_output=True, text=True, timeout=ANSWER_S, check=False)
    return (done.stdout or done.stderr).strip()
