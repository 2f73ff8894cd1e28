/* Checks every vector of a vectors.txt: cc read_vectors.c -lm && ./a.out vectors.txt */
#include <math.h>
#include <stdio.h>
#include <string.h>
static int is_outside(double mine, double right, double within) { /* nan is not known */
  return !isnan(right) && !isnan(within) && mine != right && !(fabs(mine - right) <= within);
}
int main(int argc, char **argv) {
  char line[8192], kind[8]; /* in place of `mine`, put what your program computes */
  double right, within, mine, values = 0, steps = 0, bad = 0, outside = 0;
  FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
  while (file && fgets(line, sizeof line, file)) {
    int numbers = sscanf(line, "%7s %lf %lf %lf", kind, &right, &within, &mine) == 4;
    if (numbers && !strcmp(kind, "right")) values++, bad += is_outside(mine, right, within);
    if (numbers && !strcmp(kind, "wrong")) outside += is_outside(mine, right, within);
    if (!strcmp(kind, "end")) steps++, bad += !outside, outside = 0;
  }
  printf("%.0f values accepted, %.0f steps rejected, %.0f not as they should be\n", values, steps, bad);
  return bad || !values;
}
