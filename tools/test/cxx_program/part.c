/* SPDX-License-Identifier: MIT */
int from_c(int n);
int from_c(int n)
{
    return n + 1;
}
