/* The reference CBLAS's header under the name it has where it is not one of several. */
#include <cblas-netlib.h>
