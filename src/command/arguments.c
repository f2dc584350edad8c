/* Reads the command line with getopt_long, from the tables of commands and options.
 *
 * Refused: argp, which says that a word was wrong but, with its own printing and exit() off, not
 * which one; and whose help cannot list commands and keys from our tables. */
#include "command/arguments.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments_table.h"
#include "mnist_dist/base/nearest.h"

enum { FIRST_OPTION = 256 }; /* getopt's code of option i is FIRST_OPTION + i */

static Status refuse(const char *problem, const char *word, const char *remedy) {
    return status_fail(STATUS_USAGE, "command line: %s %.300s%s%s. See mnist_dist --help", problem,
                       word, *remedy != '\0' ? "; " : "", remedy);
}

/* ---- words ---- */

/* Files with a = in their names are told from key=value by a slash: ./a=b.h5. */
static bool is_assignment(const char *word) {
    const char *equals = strchr(word, '=');
    return equals != NULL && memchr(word, '/', (size_t)(equals - word)) == NULL;
}

/* Adds a copy of "PREFIX WORD" to a list that has room. */
static Status add_word(char **list, size_t *count, const char *prefix, const char *word) {
    char *copy = NULL;
    if (asprintf(&copy, "%s%s", prefix, word) < 0)
        return status_fail(STATUS_FAILED, "command line: out of memory");
    list[(*count)++] = copy;
    return STATUS_OK;
}

static Status add_file(Arguments *arguments, const char *word) {
    return add_word(arguments->files, &arguments->file_count, "", word);
}

static Status add_image(Arguments *arguments, const char *word) {
    return add_word(arguments->images, &arguments->image_count, "", word);
}

static Status add_assignment(Arguments *arguments, const char *prefix, const char *word) {
    return add_word(arguments->assignments, &arguments->assignment_count, prefix, word);
}

static bool is_yaml(const char *word) {
    const char *dot = strrchr(word, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static Status refuse_command(const char *word) {
    if (is_yaml(word)) return refuse("unknown command", word, "a configuration follows --config");
    Nearest nearest = {.word = word};
    for (size_t i = 0; i < COMMAND_COUNT; i++) nearest_offer(&nearest, COMMANDS[i].name);
    char remedy[64];
    snprintf(remedy, sizeof remedy, "did you mean %s", nearest.best);
    return refuse("unknown command", word, remedy);
}

static Status take_command(Arguments *arguments, const char *word) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(COMMANDS[i].name, word) != 0) continue;
        arguments->command = &COMMANDS[i];
        arguments->command_given = true;
        return STATUS_OK;
    }
    return refuse_command(word);
}

static Status take_word(Arguments *arguments, const char *word) {
    if (is_assignment(word)) return add_assignment(arguments, "", word);
    if (arguments->command_given && arguments->image_count > 0) return add_image(arguments, word);
    if (arguments->command_given) return add_file(arguments, word);
    return take_command(arguments, word);
}

/* ---- options ---- */

static Status take_option(Arguments *arguments, size_t index, const char *value) {
    const Option *option = &OPTIONS[index];
    char *field = (char *)arguments + option->offset;
    if (option->key != NULL) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s=", option->key);
        return add_assignment(arguments, prefix, value);
    }
    if (option->value == NULL) {
        *(bool *)field = true;
        return STATUS_OK;
    }
    if (value == NULL) {
        *(const char **)field = "";
        return STATUS_OK;
    }
    if (*value == '\0') return refuse("an empty value follows option", option->name, "");
    if (option->offset == offsetof(Arguments, images)) return add_image(arguments, value);
    *(const char **)field = value;
    return STATUS_OK;
}

/* An unknown option may be meant as a configuration key: --epochs=5 as training.epochs=5. */
static Status refuse_option(const char *word) {
    char name[64], remedy[128];
    size_t length = strcspn(word + 2, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, word + 2);
    Nearest nearest = {.word = name};
    for (size_t i = 0; i < OPTION_COUNT; i++) nearest_offer(&nearest, OPTIONS[i].name);
    const char *key = config_nearest(name), *last = strchr(key, '.') + 1;
    nearest_offer(&nearest, last);
    const char *value = word[2 + length] != '\0' ? word + 2 + length : "=VALUE";
    if (nearest.best == last)
        snprintf(remedy, sizeof remedy, "did you mean %s%s", key, value);
    else
        snprintf(remedy, sizeof remedy, "did you mean --%s", nearest.best);
    return refuse("unknown option", word, remedy);
}

/* What getopt_long did not take: an unknown option, or a flag with a value. */
static Status refuse_word(char *argv[]) {
    const char *word = argv[optind - 1];
    if (optopt >= FIRST_OPTION) return refuse("no value goes with option", word, "");
    if (optopt == 0) return refuse_option(word);
    char letter[] = {'-', (char)optopt, '\0'};
    return refuse("unknown option", letter, "");
}

static void describe_options(struct option options[OPTION_COUNT + 1], char *letters) {
    memset(options, 0, (OPTION_COUNT + 1) * sizeof *options);
    letters += sprintf(letters, "-:"); /* words in their order; a missing value is told apart */
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *option = &OPTIONS[i];
        options[i].name = option->name;
        options[i].has_arg = option_is_optional(option) ? optional_argument
                             : option->value != NULL    ? required_argument
                                                        : no_argument;
        options[i].val = FIRST_OPTION + i;
        if (option->letter != 0)
            letters += sprintf(letters, "%c%s", option->letter,
                               option->value != NULL && !option_is_optional(option) ? ":" : "");
    }
}

static size_t option_of(int code) {
    if (code >= FIRST_OPTION) return (size_t)(code - FIRST_OPTION);
    size_t i = 0;
    while (OPTIONS[i].letter != code) i++;
    return i;
}

static Status take_code(Arguments *arguments, unsigned *given, int code, char *argv[]) {
    if (code == 1) return take_word(arguments, optarg);
    if (code == ':') return refuse("a value must follow", argv[optind - 1], "");
    if (code == '?') return refuse_word(argv);
    *given |= 1U << option_of(code);
    return take_option(arguments, option_of(code), optarg);
}

static Status scan(Arguments *arguments, unsigned *given, int argc, char *argv[]) {
    struct option options[OPTION_COUNT + 1];
    char letters[4 + 2 * OPTION_COUNT];
    describe_options(options, letters);
    Status status = STATUS_OK;
    optind = 0; /* GNU: start anew */
    opterr = 0;
    for (;;) {
        int code = getopt_long(argc, argv, letters, options, NULL);
        if (code == -1) break;
        TRY(take_code(arguments, given, code, argv));
    }
    for (; optind < argc; optind++)
        TRY(arguments->image_count > 0 ? add_image(arguments, argv[optind])
                                       : add_file(arguments, argv[optind]));
cleanup:
    return status;
}

/* ---- what goes with the command ---- */

static Status check_options(const Command *command, unsigned given) {
    char problem[64], remedy[256] = "it takes";
    size_t used = strlen(remedy), foreign = OPTION_COUNT;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (command_takes(command, i))
            used += (size_t)snprintf(remedy + used, sizeof remedy - used, " --%s", OPTIONS[i].name);
        else if (given >> i & 1)
            foreign = i;
    }
    if (foreign == OPTION_COUNT) return STATUS_OK;
    snprintf(problem, sizeof problem, "%s takes no option", command->name);
    return refuse(problem, OPTIONS[foreign].name, remedy);
}

static Status refuse_form(const Command *command, const char *problem, const char *word) {
    return status_fail(STATUS_USAGE, "command line: %s%.300s; the form is: mnist_dist %s %s",
                       problem, word, command->name, command->synopsis);
}

static Status check_choice(const Command *command, const char *word) {
    Nearest nearest = {.word = word};
    for (size_t i = 0; command->words[i] != NULL; i++) {
        if (strcmp(command->words[i], word) == 0) return STATUS_OK;
        nearest_offer(&nearest, command->words[i]);
    }
    char problem[64];
    snprintf(problem, sizeof problem, "did you mean %s, not ", nearest.best);
    return refuse_form(command, problem, word);
}

static Status check_words(const Arguments *arguments) {
    const Command *command = arguments->command;
    if (arguments->file_count > command->most)
        return refuse_form(command, "unexpected word ", arguments->files[command->most]);
    if (arguments->file_count < command->least) return refuse_form(command, "no file is named", "");
    if (command->needs_output && arguments->output == NULL && arguments->image_count == 0)
        return refuse_form(command, "-o FILE is missing", "");
    if (command->keys == KEYS_NONE && arguments->assignment_count > 0)
        return refuse_form(command, "it takes no configuration key: ", arguments->assignments[0]);
    if (command->words != NULL && arguments->files[0] != NULL)
        return check_choice(command, arguments->files[0]);
    return STATUS_OK;
}

/* So that, say, the rows that are held out stay those that the training held out. */
static Status check_overrides(const Arguments *arguments) {
    for (size_t i = 0; i < arguments->assignment_count; i++)
        if (config_changes_answer(arguments->assignments[i]))
            return status_fail(STATUS_USAGE,
                               "command line: %.300s: %s goes by the checkpoint's own value; leave "
                               "it out",
                               arguments->assignments[i], arguments->command->name);
    return STATUS_OK;
}

static Status configure(Arguments *arguments) {
    Status status = STATUS_OK;
    if (arguments->config_path != NULL)
        TRY(config_read_file(&arguments->config, arguments->config_path));
    TRY(arguments_override(&arguments->config, arguments));
    if (arguments->command->keys == KEYS_OF_RUN) TRY(config_check(&arguments->config));
    if (arguments->command->keys == KEYS_OF_CHECKPOINT) TRY(check_overrides(arguments));
cleanup:
    return status;
}

/* ---- the whole ---- */

static Status start(Arguments *arguments, int argc) {
    memset(arguments, 0, sizeof *arguments);
    arguments->command = &COMMANDS[COMMAND_TRAIN];
    arguments->resume = "auto";
    config_defaults(&arguments->config);
    arguments->files = calloc((size_t)argc + 1, sizeof *arguments->files);
    arguments->assignments = calloc((size_t)argc + 1, sizeof *arguments->assignments);
    arguments->images = calloc((size_t)argc + 1, sizeof *arguments->images);
    if (arguments->files == NULL || arguments->assignments == NULL || arguments->images == NULL)
        return status_fail(STATUS_FAILED, "command line: out of memory");
    return STATUS_OK;
}

Status arguments_read(Arguments *arguments, int argc, char *argv[]) {
    Status status;
    unsigned given = 0;
    TRY(start(arguments, argc));
    TRY(scan(arguments, &given, argc, argv));
    if (arguments->help != NULL || arguments->version) goto cleanup;
    TRY(check_options(arguments->command, given));
    TRY(check_words(arguments));
    TRY(configure(arguments));
cleanup:
    return status;
}

void arguments_destroy(Arguments *arguments) {
    for (size_t i = 0; i < arguments->file_count; i++) free(arguments->files[i]);
    for (size_t i = 0; i < arguments->assignment_count; i++) free(arguments->assignments[i]);
    for (size_t i = 0; i < arguments->image_count; i++) free(arguments->images[i]);
    free(arguments->files);
    free(arguments->images);
    free(arguments->assignments);
}

Status arguments_override(Config *config, const Arguments *arguments) {
    CommandKeys keys = arguments->command->keys;
    if (keys != KEYS_NONE) {
        Status status = config_read_environment(config, keys == KEYS_OF_CHECKPOINT);
        if (status != STATUS_OK) return status;
    }
    for (size_t i = 0; i < arguments->assignment_count; i++) {
        Status status = config_set(config, arguments->assignments[i]);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

Status arguments_count(size_t *count, const char *option, const char *text, size_t least,
                       size_t most) {
    char *end = NULL;
    if (text == NULL) return STATUS_OK;
    long value = strtol(text, &end, 10);
    if (end == text || value < (long)least || (size_t)value > most || *end != '\0')
        return status_fail(STATUS_USAGE,
                           "command line: %s %.100s: expected a number from %zu to %zu", option,
                           text, least, most);
    *count = (size_t)value;
    return STATUS_OK;
}
