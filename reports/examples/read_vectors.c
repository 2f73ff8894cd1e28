/* Checks every vector of a vectors.txt: cc read_vectors.c -lm && ./a.out vectors.txt */
#include <math.h>
#include <stdio.h>
#include <string.h>
static int is_outside(double mine, double right, double within) { /* nan is not known */
  return !isnan(right) && !isnan(within) && mine != right && !(fabs(mine - right) <= within);
}
int main(int argc, char **argv) {
  char line[8192], kind[8]; /* in place of `mine`, put what your program computes */
  double right, within, mine;
  int valid = 0, accepted = 0, invalid = 0, rejected = 0, outside = 0;
  FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
  while (file && fgets(line, sizeof line, file)) {
    int is_number = sscanf(line, "%7s %lf %lf %lf", kind, &right, &within, &mine) == 4;
    if (is_number && !strcmp(kind, "right")) valid++, accepted += !is_outside(mine, right, within);
    if (is_number && !strcmp(kind, "wrong")) outside |= is_outside(mine, right, within);
    if (!strcmp(kind, "end")) invalid++, rejected += outside, outside = 0;
  }
  printf("accepted %d of %d values, rejected %d of %d invalid steps\n", accepted, valid, rejected, invalid);
}
