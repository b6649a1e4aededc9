// SPDX-License-Identifier: MIT
// For tools/paravane/selftest/programs.py: a program in C++ and C. Its argument may ask for a bad
// end. With -DTHROWS it has an exception, which the build refuses.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include "shapes/shapes.hpp"

extern "C" int from_c(int n);

namespace
{

struct Announced {
    const char *name;
    explicit Announced(const char *which) : name(which)
    {
        std::printf("%s is constructed\n", name);
    }
    ~Announced()
    {
        std::printf("%s is destroyed\n", name);
    }
};

Announced first("the first object"), second("the second object");
std::atomic<int> constructed{0};

struct Slow {
    Slow()
    {
        usleep(20000);
        constructed++;
    }
};

void *use_slow(void *unused)
{
    static Slow slow;

    return constructed == 1 ? unused : nullptr;
}

// All threads need one static object, which is constructed once.
bool one_construction()
{
    std::array<pthread_t, 4> threads;
    bool right = true;
    int something;
    void *result;

    for (pthread_t &thread : threads)
        pthread_create(&thread, nullptr, use_slow, &something);
    for (pthread_t thread : threads) {
        pthread_join(thread, &result);
        right = right && result == &something;
    }
    return right;
}

char *volatile large; // that the compiler keeps what it is set to

template <typename T> T sum_of(const std::vector<T> &values)
{
    T sum{};

    for (const T &value : values)
        sum += value;
    return sum;
}

struct alignas(64) Aligned {
    char bytes[64];
};

[[gnu::noinline]] int bad_end(const char *what)
{
    const std::vector<int> few(3);

    if (!std::strcmp(what, "range"))
        return few.at(5);
    if (!std::strcmp(what, "memory")) {
        large = new char[size_t{1} << 40];
        return large == nullptr;
    }
#ifdef THROWS
    throw 1;
#endif
    return 2;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc > 1)
        return bad_end(argv[1]);
    std::unique_ptr<Shape> shape(new Square(from_c(6)));
    std::printf("the area is %d\n", shape->area());
    shape.reset();
    std::vector<std::string> words{"three", "one", "two"};
    std::sort(words.begin(), words.end());
    std::printf("%s, sum %d\n", sum_of(words).c_str(), sum_of(std::vector<int>{1, 2, 3}));
    static_assert(std::is_same<std::uint8_t, unsigned char>::value, "");
    const std::function<int(int)> add = [argc](int n) { return n + argc; };
    std::unique_ptr<Aligned> aligned(new Aligned);
    large = new (std::nothrow) char[size_t{1} << 40];
    std::printf("%d, aligned %d, too large %d\n", add(1),
                reinterpret_cast<std::uintptr_t>(aligned.get()) % 64 == 0, !large);
    std::printf("%s\n", one_construction() ? "constructed once" : "constructed wrongly");
    return 0;
}
