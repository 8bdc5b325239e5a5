# SPDX-License-Identifier: Apache-2.0
"""Containers and virtual machines: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "vmware",
        "esxcli vifs vmkfstools resxtop vmrun vicfg-user",
        ("-p X", "-vp X", "-gp X"),
        "esxcli --help, vmrun",
    ),
    Program(
        "libvirt",
        "virsh",
        (
            "secret-set-value ID X",
            "set-user-password NAME USER X",
            "secret-set-value ID ... --base64 X",
        ),
        "virsh(1)",
        valued="-c --connect",
        plain="--secret",
    ),
    Program(
        "libvirt",
        "virt-customize virt-builder virt-sysprep guestfish virt-install",
        ("--root-password password:X", "--password USER:password:X", "--root-password=password:X"),
        "virt-customize(1)",
    ),
    Program(
        "proxmox",
        "pvesh pveum qm pct proxmox-backup-client pvecm",
        ("passwd USER < X",),
        "pveum(1), qm(1)",
    ),
    Program(
        "docker",
        "docker podman nerdctl buildah img finch docker-compose podman-remote docker.io",
        ("login -*p X", "login -pX", "login --password-stdin < X", "secret create < X"),
        "docker-login(1), podman-login(1), docker-secret-create(1)",
        plain="--secret --secret=",
    ),
    Program(
        "containers",
        "skopeo",
        ("login -*p X", "--password-stdin < X"),
        "skopeo(1)",
    ),
    Program(
        "containers",
        "crane gcrane oras helm cosign regctl reg notation regclient krane ko flux zot-cli werf",
        ("login -*p X", "auth login -p X", "--password-stdin < X"),
        "crane auth login --help, helm registry login --help",
    ),
    Program(
        "containers",
        "ctr crictl nerdctl ctr-enc",
        ("pull|push --user|-u USER:X", "pull --auth X"),
        "ctr images pull --help, crictl pull --help",
    ),
    Program(
        "containers",
        "snyk",
        ("auth X", "config set api=X"),
        "snyk auth --help",
    ),
    Program(
        "containers",
        "singularity apptainer",
        ("remote login -p X", "registry login -p X", "key newpair -P X"),
        "apptainer(1)",
        plain="--pwd --pwd=",
    ),
    Program(
        "kubernetes",
        "kubectl oc k3s microk8s.kubectl kubectl.exe kubecolor minikube rke kubeseal",
        (
            "create secret ... --from-literal=KEY=X",
            "create secret --from-literal=KEY=X",
            "create secret --from-literal KEY=X",
            "login -p X",
            "login -pX",
            "create secret < X",
        ),
        "kubectl create secret generic --help, oc login --help",
        plain="token= secret= --token-audience --secret --secret= --token-ttl",
    ),
    Program(
        "kubernetes",
        "argocd rancher rancher2 kubeadm k3sup talosctl kops",
        ("login -t X", "login -p X", "--certificate-key X"),
        "argocd login --help, kubeadm join --help",
    ),
    Program(
        "kubernetes",
        "kubeseal",
        ("--raw < X",),
        "kubeseal --help",
    ),
    Program(
        "cloudfoundry",
        "credhub om pks tkgi",
        ("set -w X", "login -p X", "-p X"),
        "credhub set --help, om --help, pks login --help",
        plain="--password-stdin",
    ),
    Program(
        "cloudfoundry",
        "uaac",
        ("-s X", "-p X"),
        "uaac --help",
    ),
    Program(
        "vmware",
        "vboxmanage prlctl",
        ("passwordhash X", "--userpasswd USER:X"),
        "VBoxManage internalcommands, prlctl(8)",
    ),
)
