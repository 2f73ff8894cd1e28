// Dense layers, trained by gradient descent; each start trains one problem. cc -O2 -o backprop backprop.c -lm
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>
#define JSON(...) #__VA_ARGS__
typedef double real;  // or float
typedef struct { char f; int n; real *W, *b, *z, *a, *dz, *da, *dW, *db; } Layer;
static char *line;  // the problem, in JSON
static real *zeros(int count) { return calloc(count, sizeof(real)); }
static real *numbers(const char *key, int k, int count) {  // those behind a key: "x", or "W1", "W2", …
    char name[32];
    int length = snprintf(name, sizeof name, k ? "\"%s%d\": " : "\"%s\": ", key, k);
    char *at = strstr(line, name) + length;
    real *v = zeros(count);
    for (int i = 0; i < count; i++) v[i] = strtod(at + strspn(at, "[], "), &at);
    return v;
}
static void state(const char *key, int k, const real *v, int rows, int columns) {  // a vector has no rows
    printf(", \""), printf(key, k), printf(rows ? "\": [[" : "\": [");
    for (int i = 0; i < (rows ? rows : 1) * columns; i++)  // 17 digits are exact; quotes allow for nan and inf
        printf("%s\"%.17g\"", i == 0 ? "" : i % columns ? ", " : "], [", v[i]);
    printf(rows ? "]]" : "]");
}
static real sigma(char f, real z) { return f == 's' ? 1 / (1 + exp(-z)) : f == 't' ? tanh(z) : f == 'r' && z < 0 ? 0 : z; }
static real slope(char f, real a) { return f == 's' ? a * (1 - a) : f == 't' ? 1 - a * a : f == 'i' || a > 0; }
static void forward(Layer *l, int n, int m, int N) {  // n units, m in the layer below, N examples
    for (int i = 0; i < N * n; i++) {
        l->z[i] = l->b[i % n];
        for (int j = 0; j < m; j++) l->z[i] += l[-1].a[i / n * m + j] * l->W[i % n * m + j];
        l->a[i] = sigma(l->f, l->z[i]);
    }
}
static void backward(Layer *l, int n, int m, int N) {
    memset(l->dW, 0, n * m * sizeof(real)), memset(l->db, 0, n * sizeof(real)), memset(l[-1].da, 0, N * m * sizeof(real));
    for (int i = 0; i < N * n; i++) {
        l->db[i % n] += l->dz[i] = l->da[i] * slope(l->f, l->a[i]);
        for (int j = 0; j < m; j++) l->dW[i % n * m + j] += l->dz[i] * l[-1].a[i / n * m + j];
        for (int j = 0; j < m; j++) l[-1].da[i / n * m + j] += l->dz[i] * l->W[i % n * m + j];
    }
}
int main(void) {
    printf(JSON({"name": "backprop.c", "version": "1.0", "structure": {"dtypes": ["float%zu"], "optimizers": ["sgd"],
        "activations": ["sigmoid", "tanh", "relu", "identity"], "losses": ["half_squared_error"]}}\n), 8 * sizeof(real));
    if (fflush(stdout) || getline(&line, &(size_t){0}, stdin) < 0) return 0;
    int L = *numbers("depth", 0, 1), N = *numbers("examples", 0, 1), n, m;
    real *width = numbers("widths", 0, L + 1), *x = numbers("x", 0, N * width[0]), *y = numbers("y", 0, N * width[L]);
    real rate = *numbers("learning_rate", 0, 1), over = strstr(line, "\"reduction\": \"mean\"") ? N : 1;
    Layer net[L + 1], *l;
    net[0] = (Layer){.n = width[0], .a = x, .da = zeros(N * width[0])};
    char *name = strstr(line, "\"activations\": [\"") + 17;
    for (int k = 1; k <= L; k++, name = strstr(name, ", \"") + 3)
        n = width[k], m = width[k - 1], net[k] = (Layer){*name, n, numbers("W", k, n * m), numbers("b", k, n),
            zeros(N * n), zeros(N * n), zeros(N * n), zeros(N * n), zeros(n * m), zeros(n)};
    for (int steps = *numbers("steps", 0, 1); steps > 0; steps--, puts("}")) {
        real loss = 0, *a = net[L].a;
        for (l = net + 1; l <= net + L; l++) forward(l, l->n, l[-1].n, N);
        for (int i = 0; i < N * net[L].n; i++) loss += (a[i] - y[i]) * (a[i] - y[i]) / 2 / over;
        for (int i = 0; i < N * net[L].n; i++) net[L].da[i] = (a[i] - y[i]) / over;
        printf("{\"loss\": \"%.17g\"", loss);
        for (int k = L; k > 0; k--) {
            l = net + k, n = l->n, m = l[-1].n, backward(l, n, m, N);
            for (int i = 0; i < n * m; i++) l->W[i] -= rate * l->dW[i];
            for (int i = 0; i < n; i++) l->b[i] -= rate * l->db[i];
            state("z%d", k, l->z, N, n), state("a%d", k, l->a, N, n), state("dL/dz%d", k, l->dz, N, n);
            state("dL/dW%d", k, l->dW, n, m), state("dL/db%d", k, l->db, 0, n);
            state("W%d_new", k, l->W, n, m), state("b%d_new", k, l->b, 0, n);
        }
    }
}
