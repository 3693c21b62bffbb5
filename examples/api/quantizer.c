/*
 * quantiser: the codebook alone as a vector quantiser, on points in the plane around eight
 * places. It starts from data (k-means), follows when the places move (EMA updates), and
 * restarts the codes that nothing selects any more.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

enum { POINTS = 2000, CODES = 16, PLACES = 8 };

static float points[POINTS][2];
static int32_t codes[POINTS];

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "quantizer: %s\n", unic_last_error());
        exit(1);
    }
}

/* Points around places on a circle about (shift, 0). */
static void draw(float shift)
{
    for (int i = 0; i < POINTS; i++) {
        double angle = 2.0 * acos(-1.0) * (i % PLACES) / PLACES;
        points[i][0] = shift + (float)(5.0 * cos(angle) + rand() / (double)RAND_MAX);
        points[i][1] = (float)(5.0 * sin(angle) + rand() / (double)RAND_MAX);
    }
}

/* Assigns every point; prints the mean squared distance to its code, and how codes are used. */
static void assign(const unic_codebook *codebook, const unic_array *z, const char *when)
{
    static float looked_up[POINTS][2];
    double distortion = 0.0, perplexity;
    int64_t counts[CODES];
    check(unic_codebook_assign(codebook, z, codes));
    check(unic_codebook_lookup(codebook, codes, POINTS, looked_up[0]));
    for (int i = 0; i < POINTS; i++)
        for (int d = 0; d < 2; d++)
            distortion += pow(points[i][d] - looked_up[i][d], 2) / POINTS;
    check(unic_codebook_usage(&perplexity, codebook, codes, POINTS, counts));
    printf("%-14s distortion %.3f, perplexity %.1f of %d\n", when, distortion, perplexity,
           CODES);
}

int main(void)
{
    unic_codebook *codebook;
    unic_array z;
    unic_codebook_init_options start = {
        .struct_size = sizeof start, .iterations = 10, .seed = 1};
    size_t revived, rows = POINTS;
    const float *targets = points[0];
    const int32_t *selected = codes;
    unic_array_init(&z, points, UNIC_F32, 2, (int64_t[]){POINTS, 2});
    check(unic_codebook_create(&codebook, CODES, 2, 1));

    draw(0.0F);
    check(unic_codebook_init(codebook, &z, &start));
    assign(codebook, &z, "k-means");

    draw(3.0F);
    assign(codebook, &z, "places moved");
    for (int step = 0; step < 100; step++) {
        check(unic_codebook_assign(codebook, &z, codes));
        check(unic_codebook_update(codebook, 0.9F, &rows, &targets, &selected));
    }
    assign(codebook, &z, "100 updates");

    check(unic_codebook_revive(&revived, codebook, UNIC_RESET_ANY, 50, CODES, &z, 2));
    printf("%zu codes restarted\n", revived);
    assign(codebook, &z, "revival");
    unic_codebook_free(codebook);
}
