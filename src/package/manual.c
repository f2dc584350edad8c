/* The manual pages of the program and of its configuration, in man(7)'s macros. */
#include <string.h>

#include "command/arguments_table.h"
#include "package/texts.h"
#include "train/config_keys.h"

/* Text as it is: a hyphen that is typed, no escapes, no line that is taken for a request. */
static void put(FILE *out, const char *text) {
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void put_line(FILE *out, const char *macro, const char *text) {
    fputs(macro, out);
    put(out, text);
    fputc('\n', out);
}

static void open_page(FILE *out, const char *name, const char *section, const char *title,
                      const char *about) {
    fprintf(out,
            ".\\\" Made from the program's own tables when it was built.\n"
            ".TH %s %s \"%s\" \"mnist_dist %s\" \"%s\"\n.SH NAME\n",
            name, section, MNIST_DIST_DATE, MNIST_DIST_VERSION, title);
    put(out, name);
    fprintf(out, " \\- %s\n", about);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void put_option(FILE *out, const Option *option) {
    char letter[16] = "";
    if (option->letter != 0) snprintf(letter, sizeof letter, "\\fB\\-%c\\fR, ", option->letter);
    fprintf(out, ".TP\n%s\\fB\\-\\-", letter);
    put(out, option->name);
    fputs("\\fR", out);
    if (option->value != NULL)
        fprintf(out, "%s\\fI%s\\fR", option_is_optional(option) ? "" : " ", option->value);
    fputc('\n', out);
    put_line(out, "", option->help);
}

static void put_command(FILE *out, const Command *command) {
    fprintf(out, ".SS %s\n", command->name);
    fputs(".B mnist_dist ", out);
    put_line(out, "", command->name);
    put_line(out, "", command->synopsis);
    fputs(".PP\nTo ", out);
    put(out, command->help);
    fputs(".\n", out);
    if (command->details != NULL) put_line(out, "", command->details);
    fputs("Options:", out);
    const char *gap = " ";
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!command_takes(command, i)) continue;
        fprintf(out, "%s\\-\\-", gap);
        put(out, OPTIONS[i].name);
        gap = ", ";
    }
    fputs(".\n", out);
}

static void put_environment(FILE *out) {
    fputs(
        ".SH ENVIRONMENT\n.TP\n.B MNIST_DIST_SECTION_KEY\n"
        "sets section.key, as MNIST_DIST_TRAINING_THREADS=4 does training.threads. It goes before\n"
        "the default and the file, and behind the command line; all ranks must have the same.\n"
        ".TP\n.B NO_COLOR\nasks for no colours on a terminal.\n"
        ".TP\n.B SLURM_JOB_ID\nnames the run's folder, runs/slurm\\-JOBID, and bounds its time.\n"
        ".TP\n.B MNIST_DIST_NODE_RANKS\n"
        "is how many ranks of a machine take themselves for a node, for trials.\n",
        out);
}

static void put_rest(FILE *out) {
    fputs(".SH FILES\n.TP\n.I data/digits.h5\nthe images, unless data.path names another file.\n"
          ".TP\n.I runs/NAME/\na run; runs/latest points at the newest. See\n"
          ".BR mnist_dist\\-files (5).\n"
          ".SH EXIT STATUS\n"
          "0 done; 1 failed; 2 usage or configuration; 3 data; 4 checkpoint; 5 diverged; 6 a rank\n"
          "hung or a replica differed; 75 stopped with a checkpoint written: resume it.\n"
          ".SH SIGNALS\n"
          "TERM, INT and USR1 stop with a checkpoint, USR2 writes one and goes on. mpirun passes\n"
          "USR1 and USR2 on to the ranks; a second after a TERM it kills them.\n"
          ".SH EXAMPLES\n.nf\n"
          "mnist_dist import train.csv test.csv \\-o data/digits.h5\n"
          "mpirun \\-np 8 mnist_dist training.epochs=5 optimizer.kind=sgd\n"
          "mnist_dist evaluate runs/baseline/checkpoints/best.h5\n.fi\n"
          ".SH SEE ALSO\n.BR mnist_dist.yaml (5),\n.BR mnist_dist\\-files (5),\n.BR mpirun (1)\n",
          out);
}

void manual_program(FILE *out) {
    open_page(out, "mnist_dist", "1", "User Commands",
              "train networks to read handwritten digits, on many processes");
    fputs(
        ".SH SYNOPSIS\n.B mnist_dist\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR] [\\fIkey=value\\fR ...]\n"
        ".PP\n.B mpirun \\-np 8 mnist_dist\n[...]\n"
        ".SH DESCRIPTION\n"
        "Trains a convolutional network such that the result is the same bits at any number of\n"
        "ranks and threads, and after any stop and resume. No command means train, and train\n"
        "needs no argument. A key is one of the configuration's, as in training.epochs=5; see\n"
        ".BR mnist_dist.yaml (5).\n"
        ".SH COMMANDS\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) put_command(out, &COMMANDS[i]);
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) put_option(out, &OPTIONS[i]);
    put_environment(out);
    put_rest(out);
}

/* ---- the configuration ----------------------------------------------------------------------- */

static void put_key(FILE *out, const ConfigKey *key) {
    char expected[CONFIG_TEXT];
    config_describe(expected, key);
    fprintf(out, ".TP\n.B %s\n", key->name);
    put(out, key->help);
    fputs(".\nExpected: ", out);
    put(out, expected);
    fputs(".\nDefault: ", out);
    put(out, key->standard);
    fputs(".\n", out);
    if (key->effect != CHANGES_ANSWER) fputs("A resumed run may change it.\n", out);
}

static void put_layers(FILE *out) {
    fputs(
        ".SH LAYERS\nmodel.layers names them from first to last; the last is `dense 10 softmax'.\n"
        "Words in brackets may be left out.\n.nf\n"
        "conv 5x5 32 [same|valid] [relu] [nobias] [stride 1]\n"
        "dense 256 [relu] [nobias]\n"
        "batchnorm [relu] [momentum 0.99] [epsilon 0.001]\n"
        "relu\nleakyrelu [0.3]\nmaxpool 2x2\navgpool 2x2\nglobalavgpool\n"
        "save a ... add a [relu]\ndropout 0.25\nflatten\n.fi\n",
        out);
}

void manual_configuration(FILE *out) {
    open_page(out, "mnist_dist.yaml", "5", "File Formats", "configuration of mnist_dist");
    fputs(".SH DESCRIPTION\n"
          "A YAML file of sections with keys below them, named by the option \\-\\-config:\n.PP\n"
          ".nf\ntraining:\n  epochs: 5\n.fi\n.PP\n"
          "Keys that it leaves out have their defaults. A default gives way to the file, that to\n"
          "the environment (MNIST_DIST_TRAINING_EPOCHS=5), that to the command line\n"
          "(training.epochs=5); \\-\\-print\\-config shows each value and where it came from.\n"
          "An unknown key, or one that is given twice, is an error.\n"
          ".SH KEYS\n",
          out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const ConfigKey *key = &CONFIG_KEYS[i];
        if (i == 0 || !config_same_section(&CONFIG_KEYS[i - 1], key))
            fprintf(out, ".SS %.*s\n", (int)config_section_length(key->name), key->name);
        put_key(out, key);
    }
    put_layers(out);
    fputs(".SH SEE ALSO\n.BR mnist_dist (1),\n.BR mnist_dist\\-files (5)\n", out);
}
