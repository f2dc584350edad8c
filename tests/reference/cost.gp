# What a point of accuracy costs: held-out accuracy against the arithmetic of a training, from the tables of
# configs/README.md. Run in this folder: gnuplot cost.gp writes cost.png.
#
# TFLOP are those of plain convolutions, (6 m - 2 m1) 37,800 epochs, m being an image's multiply-adds forward and
# m1 the first layer's, which has no input gradient. The bars are a standard deviation by chance: the root of
# a (1 - a) / (4,200 seeds).
$runs << END
# TFLOP accuracy seeds name
4.34 99.455 10 "16, 32, 32, 64: 5 epochs"
6.08 99.495 10 "16, 32, 32, 64: 7 epochs"
6.65 99.510 10 "16, 32, 48, 96: 5 epochs"
7.98 99.517 10 "16, 32, 48, 96: 6 epochs"
END
$views << END
# ... and where the name stands
4.86 99.517 10 "fast.yaml, five views" 99.562
19.42 99.540 3 "scale.yaml at 4,096, five views" 99.612
END
$others << END
# ... and where the name stands
182.4 99.563 3 "baseline.yaml, best epoch" 99.575
182.4 99.42 3 "baseline.yaml, last epoch" 99.42
102.7 99.552 5 "deotte.yaml" 99.54
82.2 99.643 5 "best.yaml" 99.643
41.1 99.643 3 "best.yaml, 12 epochs" 99.643
END
chance(a, n) = 100 * sqrt(a / 100 * (1 - a / 100) / (4200 * n))
set terminal pngcairo size 1000, 600 font "DejaVu Sans, 11"
set output "cost.png"
set logscale x
set xrange [3:300]
set yrange [99.3:99.75]
set xlabel "TFLOP of one training"
set ylabel "accuracy on held-out rows, %"
set key bottom right
set grid
plot $runs using 1:2:(chance($2, $3)) with yerrorbars pt 7 title "networks of fast.yaml's kind, one view, 10 seeds", \
     $views using 1:2:(chance($2, $3)) with yerrorbars pt 7 title "fast.yaml (10 seeds), scale.yaml (3)", \
     $others using 1:2:(chance($2, $3)) with yerrorbars pt 7 title "baseline.yaml (3 seeds), deotte.yaml and best.yaml (5)", \
     $views using 1:5:4 with labels center notitle, \
     $others using 1:5:4 with labels right offset -1,0 notitle
