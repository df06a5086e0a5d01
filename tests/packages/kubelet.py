"""The container of a manifest, run by podman as a kubelet runs it: user, groups, read-only root, volumes with their owners and modes.

It knows the parts of a pod that deploy/kubernetes has, and refuses others. There is no cluster: a NetworkPolicy holds nobody off here.
"""
import os
import pathlib
import tempfile

import podman


def refuse_unknown(part, known):
    unknown = set(part) - set(known)
    assert not unknown, f"no part of this kubelet: {unknown}"


class Pod:
    def __init__(self, name, spec, configurations, secrets):
        """configurations, secrets: {name: {file: text or bytes}}, as ConfigMaps and Secrets have them."""
        refuse_unknown(spec, ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds", "securityContext", "initContainers",
                              "containers", "volumes"))
        self.name = name
        self.spec = spec
        self.sources = {"configMap": configurations, "secret": secrets}
        self.group = spec["securityContext"]["fsGroup"]
        self.folder = tempfile.mkdtemp(prefix="roktcached-kubelet-")
        os.chmod(self.folder, 0o755)

    def volume(self, volume):
        """The folder of a volume: with fsGroup as its group, files readable and the folder writable for it. It stays with the pod's name."""
        folder = pathlib.Path(self.folder, volume["name"])
        if folder.exists():
            return folder
        folder.mkdir()
        for kind, name in (("configMap", "name"), ("secret", "secretName")):
            if kind in volume:
                self.put_files(folder, self.sources[kind][volume[kind][name]], volume[kind].get("defaultMode", 0o644))
        os.chown(folder, 0, self.group)
        os.chmod(folder, 0o2777)
        return folder

    def put_files(self, folder, files, mode):
        """By way of two links, so that all of them change at once."""
        there = folder / "..2026_01_31_12_30_00"
        there.mkdir()
        for name, text in files.items():
            file = there / name
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            os.chown(file, 0, self.group)
            os.chmod(file, mode | 0o440)
            (folder / name).symlink_to(f"..data/{name}")
        os.chown(there, 0, self.group)
        os.chmod(there, 0o2755)
        (folder / "..data").symlink_to(there.name)

    def environment(self, container):
        """Options for the container's variables: those that are a text, or the pod's name."""
        words = []
        for variable in container.get("env", []):
            value = variable.get("value")
            if value is None:
                assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}, variable
                value = self.name
            words += ["--env", f"{variable['name']}={value}"]
        return words

    def start(self, name, *options):
        """Runs one of the containers, by the pod's name; returns it."""
        [container] = [one for one in self.spec.get("initContainers", []) + self.spec["containers"] if one["name"] == name]
        refuse_unknown(container, ("name", "image", "restartPolicy", "args", "env", "ports", "securityContext", "startupProbe", "livenessProbe", "readinessProbe",
                                   "lifecycle", "resources", "volumeMounts"))
        context = {**self.spec["securityContext"], **container["securityContext"]}
        refuse_unknown(context, ("runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "seccompProfile", "allowPrivilegeEscalation",
                                 "readOnlyRootFilesystem", "capabilities"))
        words = ["--user", f"{context['runAsUser']}:{context['runAsGroup']}", "--group-add", self.group]
        words += ["--read-only", "--read-only-tmpfs=false"] if context["readOnlyRootFilesystem"] else []
        words += [word for name_of in context["capabilities"]["drop"] for word in ("--cap-drop", name_of.lower())]
        words += [] if context["allowPrivilegeEscalation"] else ["--security-opt", "no-new-privileges"]
        words += ["--memory", container["resources"]["limits"]["memory"].replace("Mi", "m")]
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in container["volumeMounts"]:  # one that is none of the pod's is claimed for it by its StatefulSet
            words += ["--volume", f"{self.volume(volumes.get(mount['name'], {'name': mount['name']}))}:{mount['mountPath']}" + (":ro" if mount.get("readOnly") else "")]
        podman.run("--detach", "--name", self.name, *words, *self.environment(container), *options, podman.IMAGE, *container["args"])
        return podman.Running(self.name)
