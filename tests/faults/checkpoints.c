/* Prints the step and the digest of the state of each checkpoint in a folder, temporary files
 * aside; fails if one is not whole.
 *
 *     faults_checkpoints FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/train/checkpoint.h"

static int print(const char *folder, const char *name) {
    char path[PATH_MAX], digest[DIGEST_TEXT];
    Checkpoint checkpoint = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    Status status = checkpoint_read(&checkpoint, path);
    if (status == STATUS_OK) status = checkpoint_state_digest(digest, &checkpoint);
    if (status == STATUS_OK)
        printf("%s %llu %s\n", name, (unsigned long long)checkpoint.progress.step, digest);
    else
        fprintf(stderr, "%s\n", status_message());
    status_clear();
    checkpoint_free(&checkpoint);
    return status == STATUS_OK ? 0 : 1;
}

int main(int argc, char *argv[]) {
    int failures = 0;
    DIR *entries = argc == 2 ? opendir(argv[1]) : NULL;
    if (entries == NULL) return EXIT_FAILURE;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        if (entry->d_name[0] != '.') failures += print(argv[1], entry->d_name);
    closedir(entries);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
