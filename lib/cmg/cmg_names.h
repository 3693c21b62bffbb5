/* Where a parameter of this library is in a CMG checkpoint, and how it is laid out there
 * (docs/method.md, A.2 and A.7). */
#ifndef UNIC_CMG_CMG_NAMES_H
#define UNIC_CMG_CMG_NAMES_H

#include "config/config.h"

typedef enum unic__cmg_layout {
    UNIC__CMG_SAME,    /* as here                                                    */
    UNIC__CMG_CONV,    /* [Co,Ci,kh,kw] there, [kh,kw,Ci,Co] here                    */
    UNIC__CMG_DECONV,  /* [Ci,Co,kh,kw] there, [kh,kw,Co,Ci] here                    */
    UNIC__CMG_POINT,   /* a 1x1 convolution [Co,Ci,1,1] there, [Co,Ci] here          */
    UNIC__CMG_DEPOINT, /* a transposed one [Ci,Co,1,1] there, [Co,Ci] here           */
} unic__cmg_layout;

enum { UNIC__CMG_PART = 64 };

typedef struct unic__cmg_place {
    char part[UNIC__CMG_PART]; /* top-level key: "Encoder_parameters"                */
    char name[128];            /* state-dict name in it                              */
    unic__cmg_layout layout;
} unic__cmg_place;

/* The place of parameter `name` ("video.semantic.affine.weight") of modality `m`; false if CMG
 * has no such parameter. */
bool unic__cmg_find(const unic__modality *m, const char *name, unic__cmg_place *place);

/* The checkpoint's shape of a parameter whose shape here is `shape`. */
unic__shape unic__cmg_shape(const unic__cmg_place *place, const unic__shape *shape);

/* Converts a tensor from the checkpoint's layout to that of this library, which `shape` is
 * of. */
void unic__cmg_convert(const unic__cmg_place *place, const unic__shape *shape,
                       const float *from, float *to);

/* "Video_mi_net_parameters": the top-level key of a modality's CLUB nets. */
void unic__cmg_club_part(char part[UNIC__CMG_PART], const char *modality);

/* Whether the tensor at "<part>/<name>" is some modality's parameter. */
bool unic__cmg_is_known(const unic_config *c, const char *path);

/* Tensors that the CMG code stores but never uses or trains: template layers, classifier heads,
 * and, with a plain spatial sum, the spatial attention. `name` is a state-dict name. */
bool unic__cmg_is_dead(const char *name);

#endif
