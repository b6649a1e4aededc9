// SPDX-License-Identifier: MIT
#include "shapes/shapes.hpp"

#include <cstdio>

Shape::~Shape()
{
    std::puts("a shape is deleted");
}

Square::~Square()
{
    std::puts("a square is deleted");
}

int Square::area() const
{
    return side_ * side_;
}
