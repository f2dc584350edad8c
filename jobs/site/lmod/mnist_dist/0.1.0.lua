-- mnist_dist as `cmake --install` laid it, under MNIST_DIST_ROOT or /opt/mnist_dist-0.1.0.
help([[
Trains convolutional networks to read handwritten digits, on many processes.
  mpirun mnist_dist --help, man mnist_dist
  sbatch $MNIST_DIST_JOBS/train.sbatch
]])
whatis("Name: mnist_dist")
whatis("Version: 0.1.0")
whatis("Description: reproducible data-parallel training, by MPI")

local root = os.getenv("MNIST_DIST_ROOT") or "/opt/mnist_dist-0.1.0"
conflict("mnist_dist")
setenv("MNIST_DIST_ROOT", root)
setenv("MNIST_DIST_JOBS", pathJoin(root, "share/mnist_dist/jobs"))
prepend_path("PATH", pathJoin(root, "bin"))
prepend_path("MANPATH", pathJoin(root, "share/man"))
prepend_path("PKG_CONFIG_PATH", pathJoin(root, "lib/pkgconfig"))
prepend_path("CMAKE_PREFIX_PATH", root)
prepend_path("LD_LIBRARY_PATH", pathJoin(root, "lib"))
