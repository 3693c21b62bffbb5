/**
 * @file unic.hpp
 * libunicode in C++17, over the C interface alone: handles that own, exceptions, vectors.
 *
 * A class unic::x owns a unic_x; it can be moved, not copied, and get() is the C handle. Its
 * method y is the C function unic_x_y, whose comment in unic_x.h holds here too, except that a
 * failure is a unic::error, that counts follow from the sizes of views, and that `struct_size`
 * need not be set. A moved-from handle is NULL to the library, which refuses it.
 */
#ifndef UNICODE_UNIC_HPP
#define UNICODE_UNIC_HPP

#include "unic_tasks.hpp"

#endif
