/* The tables of commands and options. A new one is a row here and its function or its field in
 * Arguments. */
#include "command/arguments_table.h"

#include "command/command.h"

enum {
    CONFIG = 1 << 0,
    DATA = 1 << 1,
    OUT = 1 << 2,
    RESUME = 1 << 3,
    OUTPUT = 1 << 4,
    JSON = 1 << 5,
    PRINT_CONFIG = 1 << 6,
    SEEDS = 1 << 7,
    IMAGES = 1 << 8,
    TTA = 1 << 9,
    ALLOW_OVERLAP = 1 << 10,
    MAX_TIME = 1 << 11,
    TO = 1 << 12,
    ROWS = 1 << 13,
    TEST = 1 << 14,
    SEED = 1 << 15,
    TIMELINE = 1 << 16,
    MODEL = 1 << 17,
    ANY = 1 << 18 | 1 << 19 /* help and version */
};

/* In the order of the bits above. */
const Option OPTIONS[OPTION_COUNT] = {
    {"config", 0, "FILE", offsetof(Arguments, config_path), NULL, "take the keys that FILE sets"},
    {"data", 0, "FILE", 0, "data.path", "the images: the same as data.path=FILE"},
    {"out", 0, "DIR", offsetof(Arguments, out), NULL, "the run's folder; else runs/ and a name"},
    {"resume", 0, "HOW", offsetof(Arguments, resume), NULL,
     "auto (default): go on with an unfinished run; never; or a checkpoint"},
    {"output", 'o', "FILE", offsetof(Arguments, output), NULL, "the file to write"},
    {"json", 0, NULL, offsetof(Arguments, json), NULL, "print the figures as JSON"},
    {"print-config", 0, NULL, offsetof(Arguments, print_config), NULL,
     "print the configuration, and where each value came from; and stop"},
    {"seeds", 0, "N", offsetof(Arguments, seeds), NULL,
     "train with seeds 0 to N - 1; else 0 alone"},
    {"images", 0, "FILE...", offsetof(Arguments, images), NULL,
     "read pictures of digits, PNG or JPEG: this word and those behind it"},
    {"tta", 0, "N", offsetof(Arguments, tta), NULL,
     "mean over N views of each image, 1 to 9; else as it was trained to (average.views)"},
    {"allow-overlap", 0, NULL, offsetof(Arguments, allow_overlap), NULL,
     "evaluate even on rows that a network was trained on"},
    {"max-time", 0, "TIME", offsetof(Arguments, max_time), NULL,
     "stop with a checkpoint so as to end within TIME: minutes, hours:minutes:seconds, days-hours"},
    {"to", 0, "FORMAT", offsetof(Arguments, to), NULL,
     "onnx, safetensors, npz, keras (.keras) or weights (.weights.h5)"},
    {"rows", 0, "N", offsetof(Arguments, rows), NULL, "so many training rows"},
    {"test", 0, "M", offsetof(Arguments, test), NULL, "and so many test rows; else none"},
    {"seed", 0, "S", offsetof(Arguments, seed), NULL, "other rows for each number; else 0"},
    {"timeline", 0, "FILE", offsetof(Arguments, timeline), NULL,
     "record what every thread of every rank does, for ui.perfetto.dev"},
    {"model", 0, NULL, offsetof(Arguments, model), NULL,
     "of scaling: foresee it on up to 4,096 ranks"},
    {"help", 'h', "[=KEY]", offsetof(Arguments, help), NULL,
     "print help: of the command that is named; --help=KEY of a configuration key"},
    {"version", 'V', NULL, offsetof(Arguments, version), NULL, "print the version"},
};

enum { FILES = 1 << 20 }; /* as many as there are */

static const char *const BENCHMARKS[] = {"peak",    "gemm",   "conv",    "step", "allreduce",
                                         "overlap", "import", "scaling", NULL};

const char *const COMMAND_GROUPS[] = {"Train", "Data", "Network", "Look on", "Machine", NULL};

const Command COMMANDS[] = {
    {.id = COMMAND_TRAIN,
     .name = "train",
     .group = "Train",
     .run = command_train,
     .synopsis = "[--config FILE] [--data digits.h5] [--out DIR] [--resume HOW] [--max-time TIME] "
                 "[--timeline FILE] [key=value ...]",
     .help = "train, with checkpoints, metrics and predictions",
     .details = "All goes into the run's folder; given again, an unfinished run goes on where it "
                "was stopped.",
     .options = CONFIG | DATA | OUT | RESUME | PRINT_CONFIG | MAX_TIME | TIMELINE | ANY,
     .keys = KEYS_OF_RUN,
     .needs_ranks = true},
    {.id = COMMAND_IMPORT,
     .name = "import",
     .group = "Data",
     .run = command_import,
     .synopsis = "TRAIN [TEST] -o digits.h5",
     .help = "make digits.h5 from CSV, IDX or a PNG sheet",
     .details = "Kaggle's train.csv and test.csv or MNIST's files, gzip or not; the sheet is "
                "OpenCV's digits.png.",
     .options = OUTPUT | ANY,
     .least = 1,
     .most = 2,
     .needs_output = true},
    {.id = COMMAND_SYNTH,
     .name = "synth",
     .group = "Data",
     .run = command_synth,
     .synopsis = "--rows N [--test M] [--seed S] -o digits.h5",
     .help = "make digits.h5 of drawn digits, any number of them",
     .details = "A row hangs on the seed and its number alone, and the file's bytes on no number "
                "of threads.",
     .options = OUTPUT | ROWS | TEST | SEED | ANY,
     .needs_output = true},
    {.id = COMMAND_IMPORT_MODEL,
     .name = "import-model",
     .group = "Network",
     .run = command_import_model,
     .synopsis = "MODEL -o checkpoint.h5 [--config FILE] [key=value ...]",
     .help = "make a checkpoint from a model of Keras",
     .details = "The model is a Sequential one, .keras or .h5; or weights alone, .weights.h5, "
                "whose layers are "
                "those of model.layers. train --resume checkpoint.h5 starts with it.",
     .options = CONFIG | OUTPUT | ANY,
     .least = 1,
     .most = 1,
     .needs_output = true,
     .keys = KEYS_OF_RUN},
    {.id = COMMAND_EVALUATE,
     .name = "evaluate",
     .group = "Network",
     .run = command_evaluate,
     .synopsis = "CHECKPOINT... [--data digits.h5] [--tta N] [--allow-overlap]",
     .help = "show accuracy and confusion matrix",
     .details = "They are of the rows that were held out, or of all rows of other data. Of several "
                "checkpoints the probabilities are averaged.",
     .options = DATA | TTA | ALLOW_OVERLAP | ANY,
     .least = 1,
     .most = FILES,
     .keys = KEYS_OF_CHECKPOINT,
     .needs_ranks = true},
    {.id = COMMAND_PREDICT,
     .name = "predict",
     .group = "Network",
     .run = command_predict,
     .synopsis = "CHECKPOINT... [--data digits.h5] [--tta N] -o submission.csv | --images FILE...",
     .help = "label the test images, or pictures",
     .details = "Of several checkpoints the probabilities are averaged.",
     .options = DATA | OUTPUT | IMAGES | TTA | ANY,
     .least = 1,
     .most = FILES,
     .needs_output = true,
     .keys = KEYS_OF_CHECKPOINT,
     .needs_ranks = true},
    {.id = COMMAND_BENCH,
     .name = "bench",
     .group = "Machine",
     .run = command_bench,
     .synopsis = "[peak|gemm|conv|step|allreduce|overlap|import [FILE]|scaling [--model] [-o "
                 "FILE]] [--json]",
     .help = "measure the machine, and how near the program comes",
     .details = "Without a word: all but import, overlap and scaling. Figures are medians of "
                "rounds, with the lowest and the highest.",
     .options = CONFIG | JSON | MODEL | OUTPUT | ANY,
     .most = 2,
     .words = BENCHMARKS,
     .keys = KEYS_OF_RUN,
     .needs_ranks = true},
    {.id = COMMAND_WATCH,
     .name = "watch",
     .group = "Look on",
     .run = command_watch,
     .synopsis = "[RUNDIR | JOBID]",
     .help = "show a run as it goes: bars, curves, figures",
     .details =
         "It shows runs/latest if none is named, only reads files, and prints once in a pipe.",
     .options = ANY,
     .most = 1},
    {.id = COMMAND_REPORT,
     .name = "report",
     .group = "Look on",
     .run = command_report,
     .synopsis = "RUNDIR... [-o report.html]",
     .help = "make the page of a run, or of several side by side",
     .details =
         "It is one HTML file that needs no network; a single run's pictures are made beside it.",
     .options = OUTPUT | ANY,
     .least = 1,
     .most = FILES},
    {.id = COMMAND_EXPORT,
     .name = "export",
     .group = "Network",
     .run = command_export,
     .synopsis = "CHECKPOINT --to FORMAT -o FILE",
     .help = "write the network for other programs",
     .details = "These are ONNX, safetensors, NumPy, and Keras 3's .keras and .weights.h5, the "
                "optimizer's "
                "state with it.",
     .options = OUTPUT | TO | ANY,
     .least = 1,
     .most = 1,
     .needs_output = true},
    {.id = COMMAND_COMPARE,
     .name = "compare",
     .group = "Train",
     .run = command_compare,
     .synopsis = "CONFIG... [--seeds N] -o DIR [--data digits.h5] [key=value ...]",
     .help = "train configurations and seeds in turn, and compare them",
     .details = "Each is in DIR/NAME-SEED; given again, it leaves out what is finished and goes on "
                "with what was interrupted.",
     .options = DATA | OUTPUT | SEEDS | ANY,
     .least = 1,
     .most = FILES,
     .needs_output = true,
     .keys = KEYS_OF_CONFIGS,
     .needs_ranks = true},
    {.id = COMMAND_INFO,
     .name = "info",
     .group = "Machine",
     .run = command_info,
     .synopsis = "[FILE] [--json] [--config FILE] [--data digits.h5] [--out DIR] [key=value ...]",
     .help = "say what a bug report needs, or what is in a FILE",
     .details =
         "A FILE is a checkpoint, digits.h5, metrics.h5 or predictions.h5; all of it is verified.",
     .options = CONFIG | DATA | OUT | JSON | ANY,
     .most = 1,
     .keys = KEYS_OF_RUN,
     .needs_ranks = true},
};

const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS;

bool option_is_optional(const Option *option) {
    return option->value != NULL && option->value[0] == '[';
}

bool command_takes(const Command *command, size_t option) {
    return (command->options >> option & 1) != 0;
}
