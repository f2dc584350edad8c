/* Calls a fuzz target with every file of its corpus, without libFuzzer: replay FOLDER. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

int main(int argc, char **argv) {
    char folder[PATH_MAX], path[2 * PATH_MAX];
    size_t count = 0, files = 0;
    if (argc != 2 || realpath(argv[1], folder) == NULL) return 2;
    DIR *entries = opendir(folder);
    if (entries == NULL) return 2;
    if (LLVMFuzzerInitialize != NULL) LLVMFuzzerInitialize(&argc, &argv);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        uint8_t *bytes = fuzz_read(&count, path);
        LLVMFuzzerTestOneInput(bytes, count);
        free(bytes);
        files++;
    }
    closedir(entries);
    printf("%zu files of %s\n", files, folder);
    return files > 0 ? 0 : 1;
}
