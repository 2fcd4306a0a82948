// What the portal's charts use of Apache ECharts, and nothing else.
import { LineChart, ScatterChart } from "echarts/charts";
import { AriaComponent, DataZoomInsideComponent, DataZoomSliderComponent, GridComponent, MarkAreaComponent, TooltipComponent } from "echarts/components";
import { use, init } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, ScatterChart, GridComponent, TooltipComponent, MarkAreaComponent, DataZoomInsideComponent, DataZoomSliderComponent, AriaComponent, CanvasRenderer]);
window.echarts = { init };
