"""The files of deploy/kubernetes, as objects."""
import yaml
from podman import TOP

FOLDER = TOP / "deploy" / "kubernetes"


def manifest(name):
    """{kind: object}"""
    return {one["kind"]: one for one in yaml.safe_load_all((FOLDER / name).read_text())}


def workload_of(objects):
    return objects.get("Deployment") or objects["StatefulSet"]


def pod_of(objects):
    return workload_of(objects)["spec"]["template"]["spec"]


def container_of(objects):
    pod = pod_of(objects)
    return next(one for one in pod.get("initContainers", []) + pod["containers"] if one["name"] == "roktcached")
