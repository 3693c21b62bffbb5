/* An application in C that has nothing but pkg-config's flags: a codebook, and a failure. */
#include <stdio.h>
#include <string.h>
#include <unicode/unic.h>

int main(void)
{
    static const float z[2][3] = {{1.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 1.0F}};
    unic_codebook *codebook = NULL;
    unic_model *model = NULL;
    unic_array x;
    int32_t codes[2] = {-1, -1};
    if (strcmp(unic_version(), UNIC_VERSION_STRING) != 0)
        return 1;
    unic_array_init(&x, z, UNIC_F32, 2, (const int64_t[]){2, 3});
    if (unic_codebook_create(&codebook, 2, 3, 2) || unic_codebook_set(codebook, &x) ||
        unic_codebook_assign(codebook, &x, codes)) {
        fprintf(stderr, "%s\n", unic_last_error());
        return 1;
    }
    unic_codebook_free(codebook);
    if (unic_model_open(&model, "nowhere.npz", NULL) != UNIC_E_NOTFOUND)
        return 1;
    printf("%d %d\n", (int)codes[0], (int)codes[1]);
    return 0;
}
