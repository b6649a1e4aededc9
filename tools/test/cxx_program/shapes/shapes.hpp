// SPDX-License-Identifier: MIT
#ifndef SHAPES_HPP
#define SHAPES_HPP

class Shape
{
  public:
    virtual ~Shape();
    virtual int area() const = 0;
};

class Square : public Shape
{
  public:
    explicit Square(int side) : side_(side)
    {
    }
    ~Square() override;
    int area() const override;

  private:
    int side_;
};

#endif
