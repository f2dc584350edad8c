# What CMakeLists.txt looks for, by Spack's names; see ../../../README.md.
import os

from spack.package import *


class MnistDist(CMakePackage):
    """Trains convolutional networks on many processes, reproducibly to the bit."""

    manual_download = True
    license("MIT")

    version("0.1.0", url=f"file://{os.getcwd()}/mnist_dist-0.1.0.tar.gz")

    variant("shared", default=False, description="libmnist_dist is shared")
    variant("dygraphs", default="none", values=str, multi=False,
            description="folder with dygraph.min.js and dygraph.min.css")

    depends_on("c", type="build")
    depends_on("cmake@3.18:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("openblas threads=none")
    depends_on("hdf5@1.10:~mpi")
    depends_on("zlib-api")
    depends_on("libpng@1.6:")
    depends_on("libyaml")
    depends_on("xxhash@0.8:")
    depends_on("random123")
    depends_on("cairo+png")
    depends_on("jansson")
    depends_on("libjpeg-turbo")
    depends_on("libexif")
    depends_on("libzip")
    depends_on("protobuf-c")

    conflicts("%gcc@:10", msg="AMX needs gcc 11")

    def cmake_args(self):
        args = [self.define_from_variant("BUILD_SHARED_LIBS", "shared")]
        if self.spec.variants["dygraphs"].value != "none":
            args.append(self.define("DYGRAPHS", self.spec.variants["dygraphs"].value))
        return args
