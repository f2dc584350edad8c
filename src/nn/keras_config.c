/* Keras's model_config: a Sequential model, or a Functional one where a layer reads two others.
 *
 * Both in Keras 2's form, which Keras 3 reads too (keras-team/keras 3.16, src/models/functional.py:
 * functional_from_config, where inbound_nodes are lists). */
#include "nn/plan.h"

void layer_write_weights_config(FILE *out, const Layer *layer) {
    fprintf(out,
            ",\"activation\":\"%s\",\"use_bias\":%s,"
            "\"kernel_initializer\":{\"class_name\":\"GlorotUniform\",\"config\":{\"seed\":null}},"
            "\"bias_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
            "\"kernel_regularizer\":null,\"bias_regularizer\":null,\"activity_regularizer\":null,"
            "\"kernel_constraint\":null,\"bias_constraint\":null",
            activation_name(layer->activation), layer_has_bias(layer) ? "true" : "false");
}

static void write_member(FILE *out, const Layer *layer) {
    fprintf(out,
            "\"class_name\":\"%s\",\"config\":{\"name\":\"%s\",\"trainable\":true,"
            "\"dtype\":\"float32\"",
            layer->kind->class_name, layer->name);
    layer->kind->write_config(out, layer);
    fputc('}', out);
}

static void write_input_member(FILE *out, const Model *model) {
    fprintf(out,
            "\"class_name\":\"InputLayer\",\"config\":{\"batch_input_shape\":[null,%zu,%zu,%zu],"
            "\"dtype\":\"float32\",\"sparse\":false,\"ragged\":false,\"name\":\"input_1\"}",
            model->input.h, model->input.w, model->input.c);
}

static void write_sequential(FILE *out, const Model *model) {
    fputs("{\"class_name\":\"Sequential\",\"config\":{\"name\":\"sequential\",\"layers\":[{", out);
    write_input_member(out, model);
    for (size_t i = 0; i < model->layer_count; i++) {
        fputs("},{", out);
        write_member(out, &model->layers[i]);
    }
    fputs("}]}}", out);
}

static void write_node(FILE *out, const Model *model, size_t index) {
    const char *name = index == LAYER_IMAGES ? "input_1" : model->layers[index].name;
    fprintf(out, "[\"%s\",0,0,{}]", name);
}

/* The layer's name, and the one or two that it reads. */
static void write_nodes(FILE *out, const Model *model, const Layer *layer) {
    fprintf(out, ",\"name\":\"%s\",\"inbound_nodes\":[[", layer->name);
    write_node(out, model, layer->input);
    if (layer->kind->joins) {
        fputc(',', out);
        write_node(out, model, layer->other);
    }
    fputs("]]", out);
}

static void write_functional(FILE *out, const Model *model) {
    fputs("{\"class_name\":\"Functional\",\"config\":{\"name\":\"functional\",\"trainable\":true,"
          "\"layers\":[{",
          out);
    write_input_member(out, model);
    fputs(",\"name\":\"input_1\",\"inbound_nodes\":[]", out);
    for (size_t i = 0; i < model->layer_count; i++) {
        fputs("},{", out);
        write_member(out, &model->layers[i]);
        write_nodes(out, model, &model->layers[i]);
    }
    fprintf(out, "}],\"input_layers\":[[\"input_1\",0,0]],\"output_layers\":[[\"%s\",0,0]]}}",
            model->layers[model->layer_count - 1].name);
}

static bool is_stack(const Model *model) {
    for (size_t i = 0; i < model->layer_count; i++)
        if (model->layers[i].kind->joins) return false;
    return true;
}

Status model_keras_config(char **text, const Model *model) {
    return model_capture(text, is_stack(model) ? write_sequential : write_functional, model);
}
