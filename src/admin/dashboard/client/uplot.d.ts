// What /dashboard/uplot.js is: the package's own module, under a name that a browser can import.
import uPlot from "uplot";
// biome-ignore lint/style/noDefaultExport: the package has no other.
export default uPlot;
