/* `texts NAME`: writes one of the texts of texts.h to standard output. It is run by the build, and
 * not installed. Refused: a hidden command of the program, which would carry this to every user;
 * help2man, which sees neither keys nor the options of commands. */
#include "package/texts.h"

#include <string.h>

#include "command/arguments_table.h"
#include "mnist_dist/export/export.h"
#include "train/config_keys.h"

typedef struct Text {
    const char *name;
    void (*write)(FILE *out);
} Text;

static const Text texts[] = {
    {"mnist_dist.1", manual_program}, {"mnist_dist.yaml.5", manual_configuration},
    {"bash", completion_bash},        {"zsh", completion_zsh},
    {"fish", completion_fish},
};

static void join(char text[256], const char *const words[]) {
    text[0] = '\0';
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t used = strlen(text);
        snprintf(text + used, 256 - used, "%s%s", i > 0 ? " " : "", words[i]);
    }
}

const char *texts_values(char text[256], size_t key) {
    static const char *const bools[] = {"true", "false", NULL};
    text[0] = '\0';
    if (CONFIG_KEYS[key].type == KEY_CHOICE) join(text, CONFIG_KEYS[key].choices);
    if (CONFIG_KEYS[key].type == KEY_BOOL) join(text, bools);
    return text;
}

ValueKind texts_option(char words[256], size_t option) {
    static const char *const hows[] = {"auto", "never", NULL};
    const char *value = OPTIONS[option].value;
    words[0] = '\0';
    if (value == NULL || option_is_optional(&OPTIONS[option])) return VALUE_NONE;
    if (strcmp(value, "DIR") == 0) return VALUE_FOLDER;
    if (strncmp(value, "FILE", 4) == 0) return VALUE_FILE;
    if (strcmp(value, "HOW") == 0) join(words, hows);
    if (strcmp(value, "FORMAT") == 0) join(words, EXPORT_FORMATS);
    return words[0] != '\0' ? VALUE_WORDS : VALUE_OTHER;
}

int main(int argc, char *argv[]) {
    for (size_t i = 0; argc == 2 && i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].name, argv[1]) != 0) continue;
        texts[i].write(stdout);
        return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 1;
    }
    fputs("texts: one of:", stderr);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) fprintf(stderr, " %s", texts[i].name);
    fputc('\n', stderr);
    return 2;
}
