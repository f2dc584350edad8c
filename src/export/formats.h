/* The formats, each a file of its own, and what they share. */
#pragma once

#include "mnist_dist/train/checkpoint.h"

/* Each writes the checkpoint's network to `path` by safefile. */
Status export_onnx(const Checkpoint *checkpoint, const char *path);
Status export_safetensors(const Checkpoint *checkpoint, const char *path);
Status export_npz(const Checkpoint *checkpoint, const char *path);
Status export_keras(const Checkpoint *checkpoint, const char *path);
Status export_weights(const Checkpoint *checkpoint, const char *path);

/* "conv2d/kernel": what an array is called in files of arrays. */
enum { EXPORT_NAME = 256 };
void export_tensor_name(char name[EXPORT_NAME], const ModelTensor *tensor);
