/* What a model says of itself: sizes, names, the table for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/minmax.h"
#include "mnist_dist/nn/blas.h"
#include "nn/families.h"
#include "nn/plan.h"

size_t model_parameter_count(const Model *model) {
    return model->buffers_begin + model->buffer_count;
}

size_t model_tensor_count(const Model *model) {
    return model->tensor_count;
}

ModelTensor model_tensor(const Model *model, size_t index) {
    const Layer *layer = model->layers;
    while (index >= layer->tensor_count) index -= layer++->tensor_count;
    return layer->tensors[index];
}

size_t model_layer_count(const Model *model) {
    return model->layer_count;
}

const char *model_layer_name(const Model *model, size_t index) {
    return model->layers[index].name;
}

ModelLayerInfo model_layer_info(const Model *model, size_t index) {
    const Layer *layer = &model->layers[index];
    Shape s = layer->out;
    size_t numbers = layer->parameter_count + layer->buffer_count;
    if (s.flat) return (ModelLayerInfo){layer->kind->class_name, 1, {s.c, 0, 0}, numbers};
    return (ModelLayerInfo){layer->kind->class_name, 3, {s.h, s.w, s.c}, numbers};
}

const char *model_layer_kernel(const Model *model, size_t index) {
    const Layer *layer = &model->layers[index];
    if (layer->conv != NULL) return layer->conv->name;
    return layer->dense != NULL ? layer->dense->name : NULL;
}

static bool uses_blas(const Layer *layer) {
    return layer->conv == &conv_im2col || layer->dense == &dense_blas;
}

static bool is_first_with_kernel(const Model *model, size_t index) {
    const char *kernel = model_layer_kernel(model, index);
    for (size_t i = 0; i < index; i++) {
        const char *earlier = model_layer_kernel(model, i);
        if (earlier != NULL && strcmp(earlier, kernel) == 0) return false;
    }
    return true;
}

static void append_name(char text[128], const char *name) {
    size_t used = strlen(text);
    snprintf(text + used, 128 - used, "%s%s", used > 0 ? ", " : "", name);
}

void model_describe_kernels(char text[128], const Model *model) {
    bool blas = false;
    char name[96];
    text[0] = '\0';
    for (size_t i = 0; i < model->layer_count; i++) {
        const char *kernel = model_layer_kernel(model, i);
        if (kernel != NULL && is_first_with_kernel(model, i)) append_name(text, kernel);
        blas = blas || uses_blas(&model->layers[i]);
    }
    if (!blas) return;
    blas_describe(name);
    append_name(text, name);
}

bool model_convolution(ConvShape *shape, const Model *model, size_t index) {
    const Layer *layer = &model->layers[index];
    if (layer->kind != &conv_kind) return false;
    *shape = conv_shape_of(layer);
    return true;
}

double model_training_flops(const Model *model) {
    double sum = 0.0;
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        double forward = layer->kind->flops == NULL ? 0.0 : layer->kind->flops(layer);
        sum += forward * (i > model->first_trained ? 3.0 : 2.0);
    }
    return sum;
}

/* 1234567 as 1,234,567. */
static void write_grouped(char *text, size_t size, size_t value) {
    if (value < 1000) {
        snprintf(text, size, "%zu", value);
        return;
    }
    write_grouped(text, size, value / 1000);
    size_t length = strlen(text);
    snprintf(text + length, size - length, ",%03zu", value % 1000);
}

/* As Keras writes the size of that many floats: 3.51 MB. */
static void write_bytes(FILE *out, size_t parameters) {
    static const char *const units[] = {"B", "KB", "MB", "GB"};
    double size = (double)parameters * sizeof(float);
    size_t unit = 0;
    for (; size >= 1024.0 && unit < 3; unit++) size /= 1024.0;
    fprintf(out, "(%.2f %s)\n", size, units[unit]);
}

static void write_total(FILE *out, const char *what, size_t parameters) {
    char count[32];
    write_grouped(count, sizeof count, parameters);
    fprintf(out, "%s params: %s ", what, count);
    write_bytes(out, parameters);
}

enum { TYPE = 80, TYPE_WIDTH = 32, SHAPE_WIDTH = 24, LINE_WIDTH = 70 };

static void name_type(char type[TYPE], const Layer *layer) {
    snprintf(type, TYPE, "%s (%s)", layer->name, layer->kind->class_name);
}

/* How much wider than Keras's the table is, for the sake of long names. */
static int extra_width(const Model *model) {
    size_t widest = TYPE_WIDTH;
    for (size_t i = 0; i < model->layer_count; i++) {
        char type[TYPE];
        name_type(type, &model->layers[i]);
        widest = larger(widest, strlen(type));
    }
    return (int)widest - TYPE_WIDTH;
}

static void write_row(FILE *out, const Layer *layer, int extra) {
    char type[TYPE], shape[80], count[32];
    Shape s = layer->out;
    name_type(type, layer);
    if (s.flat)
        snprintf(shape, sizeof shape, "(None, %zu)", s.c);
    else
        snprintf(shape, sizeof shape, "(None, %zu, %zu, %zu)", s.h, s.w, s.c);
    write_grouped(count, sizeof count, layer->parameter_count + layer->buffer_count);
    fprintf(out, " %-*s %-*s %s\n", TYPE_WIDTH + extra, type, SHAPE_WIDTH, shape, count);
}

static void write_rule(FILE *out, char c, int extra) {
    for (int i = 0; i < LINE_WIDTH + extra; i++) fputc(c, out);
    fputc('\n', out);
}

static void write_summary(FILE *out, const Model *model) {
    int extra = extra_width(model);
    fputs("Model: \"sequential\"\n", out);
    write_rule(out, '_', extra);
    fprintf(out, " %-*s %-*s %s\n", TYPE_WIDTH + extra, "Layer (type)", SHAPE_WIDTH, "Output Shape",
            "Param #");
    write_rule(out, '=', extra);
    for (size_t i = 0; i < model->layer_count; i++) write_row(out, &model->layers[i], extra);
    write_rule(out, '=', extra);
    write_total(out, "Total", model->trained_count + model->buffer_count);
    write_total(out, "Trainable", model->trained_count);
    write_total(out, "Non-trainable", model->buffer_count);
    write_rule(out, '_', extra);
}

Status model_capture(char **text, void (*write)(FILE *out, const Model *model),
                     const Model *model) {
    char *memory = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&memory, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "no memory for the model's text");
    write(out, model);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(memory);
        return status_fail(STATUS_FAILED, "no memory for the model's text");
    }
    *text = memory;
    return STATUS_OK;
}

Status model_summary(char **text, const Model *model) {
    return model_capture(text, write_summary, model);
}
