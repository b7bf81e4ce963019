"""The folder job on a cluster: Ray Data gives out the pictures, fsspec reads and writes them wherever they are."""

from pixmend.infer.cluster.job import ClusterJob, plan_cluster
from pixmend.infer.cluster.place import Place
from pixmend.infer.cluster.run import ClusterRun, restore_cluster
from pixmend.infer.cluster.setup import Making
from pixmend.infer.cluster.starting import LOCAL

__all__ = ["LOCAL", "ClusterJob", "ClusterRun", "Making", "Place", "plan_cluster", "restore_cluster"]
