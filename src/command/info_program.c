/* The program, its libraries, its kernels and the machine under it. */
#include <gnu/libc-version.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "command/info.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/machine.h"
#include "mnist_dist/data/picture.h"
#include "mnist_dist/nn/blas.h"
#include "mnist_dist/report/plots.h"

extern char **environ;

void info_program(Facts *facts) {
    char date[21], path[4096];
    clock_date(date);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    facts_group(facts, "program");
    facts_text(facts, "version", "mnist_dist %s", MNIST_DIST_VERSION);
    facts_text(facts, "file", "%.*s", length > 0 ? (int)length : 1, length > 0 ? path : "?");
    facts_text(facts, "compiler", "%s", MNIST_DIST_COMPILER);
    facts_text(facts, "date", "%s", date);
}

void info_libraries(Facts *facts) {
    char text[96], hdf5[32], xxhash[32];
    CommLibrary mpi;
    comm_library(&mpi);
    blas_describe(text);
    h5file_version(hdf5);
    digest_library_version(xxhash);
    facts_group(facts, "libraries");
    facts_text(facts, "mpi", "%s", mpi.name);
    facts_text(facts, "mpi_standard", "%s", mpi.standard);
    facts_text(facts, "mpi_threads", "%s", mpi.threads);
    facts_text(facts, "blas", "%s", text);
    facts_text(facts, "hdf5", "%s", hdf5);
    facts_text(facts, "libyaml", "%s", config_yaml_version());
    facts_text(facts, "zlib", "%s", zlibVersion());
    facts_text(facts, "libpng", "%s", picture_png_version());
    facts_text(facts, "cairo", "%s", plots_cairo_version());
    facts_text(facts, "jansson", "%s", jansson_version_str());
    facts_text(facts, "xxhash", "%s", xxhash);
    facts_text(facts, "libc", "glibc %s", gnu_get_libc_version());
}

/* What the configuration's network gets on this CPU. */
static void add_chosen(Facts *facts, const Config *config) {
    Model *model = NULL;
    char text[128];
    if (model_new(&model, &config->model) == STATUS_OK) {
        model_describe_kernels(text, model);
        facts_text(facts, "chosen", "%s", text);
    } else {
        facts_text(facts, "chosen", "none: %s", status_message());
        status_clear();
    }
    model_destroy(model);
}

void info_kernels(Facts *facts, const Config *config) {
    facts_group(facts, "kernels");
    facts_text(facts, "compute", "%s", COMPUTE_NAMES[config->model.compute]);
    add_chosen(facts, config);
    for (int i = INSTRUCTIONS_PORTABLE; INSTRUCTION_NAMES[i] != NULL; i++)
        if (kernels_have((InstructionSet)i))
            facts_add(facts, "available", "%s", INSTRUCTION_NAMES[i]);
}

/* The name that /etc/os-release has for people: NAME="Debian GNU/Linux 12 (bookworm)". */
static void read_system(char text[128]) {
    char line[256];
    FILE *file = fopen("/etc/os-release", "re");
    strcpy(text, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "PRETTY_NAME=\"%127[^\"\n]", text) == 1) break;
    if (file != NULL) (void)fclose(file);
}

void info_machine(Facts *facts) {
    char text[128], features[1024];
    struct utsname kernel;
    struct sysinfo memory;
    facts_group(facts, "machine");
    machine_describe(text);
    facts_text(facts, "processor", "%s", text);
    machine_features(features);
    facts_text(facts, "features", "%s", features);
    if (uname(&kernel) == 0)
        facts_text(facts, "kernel", "%s %s %s", kernel.sysname, kernel.release, kernel.machine);
    read_system(text);
    facts_text(facts, "system", "%s", text);
    if (sysinfo(&memory) != 0) return;
    facts_count(facts, "memory_bytes", (int64_t)(memory.totalram * memory.mem_unit));
    facts_text(facts, "load", "%.2f", (double)memory.loads[0] / (1 << SI_LOAD_SHIFT));
}

/* Variables that change what the program or its libraries do; what a launcher sets for its own use
 * is not among them. */
static bool matters(const char *variable) {
    static const char *const starts[] = {
        "MNIST_DIST_",  "OMP_",           "OPENBLAS_",      "OMPI_MCA_btl",    "OMPI_MCA_pml",
        "OMPI_MCA_osc", "OMPI_MCA_rmaps", "OMPI_MCA_hwloc", "OMPI_MCA_mpi_",   "MPICH_",
        "UCX_",         "HDF5_",          "LD_PRELOAD",     "LD_LIBRARY_PATH", "SLURM_JOB_ID",
        "SLURM_NTASKS", "TMPDIR"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(variable, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

void info_environment(Facts *facts) {
    facts_group(facts, "environment");
    for (char **variable = environ; *variable != NULL; variable++)
        if (matters(*variable)) facts_add(facts, "variables", "%.500s", *variable);
}
