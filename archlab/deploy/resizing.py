"""Resizing inside an ONNX graph as preparation does it: Pillow's antialiased bilinear filter, by matrices.

Along an axis, output pixel i covers s pixels of the input around its centre c. Input pixel j has there the weight
max(0, 1 - |j + 0.5 - c| / max(s, 1)), divided by the sum of the weights. Pillow rounds the weights to multiples of 2^-22, and
the pixels to whole numbers after the columns and again after the rows. So does this, in double precision, where the sums
are exact: every pixel is the same, or a grey level off where Pillow (from version 13 on, if that is cheaper) begins with the
rows.
"""

from __future__ import annotations

from typing import Any

_RESIZING = """
<ir_version: 10, opset_import: ["" : 20]>
resizing (uint8[batch,height,width,3] images) => (uint8[batch,{side},{side},3] resized)
<int64[2] wanted = {{{side}, {side}}}, int64[4] shape = {{0, {side}, {side}, 3}}, int64[3] rows_joined = {{0, -1, {joined}}},
 int64[1] last = {{-1}}, int64 first = {{0}}, int64 second = {{1}}, double side = {{{side}.0}}, double unit = {{4194304.0}},
 double zero = {{0.0}}, double half = {{0.5}}, double one = {{1.0}}, double two = {{2.0}}, double white = {{255.0}}>
{{
    size = Shape <start = 1, end = 3> (images)
    is_wanted = Equal(size, wanted)
    is_wanted_number = Cast <to = 6> (is_wanted)
    all_wanted_number = ReduceMin <keepdims = 0> (is_wanted_number)
    is_kept = Cast <to = 9> (all_wanted_number)
    resized = If (is_kept) <
      then_branch = as_it_is () => (uint8[batch,{side},{side},3] kept) {{
        kept = Identity(images)
      }},
      else_branch = by_matrices () => (uint8[batch,{side},{side},3] made) {{
        size_number = Cast <to = 11> (size)
        height = Gather(size_number, first)
        width = Gather(size_number, second)
        shorter = Min(height, width){rows}{columns}
        pixels = Cast <to = 11> (images)
        narrow_sums = MatMul(columns_matrix, pixels){narrow}
        narrow_joined = Reshape(narrow, rows_joined)
        small_sums = MatMul(rows_matrix, narrow_joined){small}
        small_pixels = Cast <to = 2> (small)
        made = Reshape(small_pixels, shape)
      }}
    >
}}
"""

_MATRIX = """
        {axis}_scale = Div({covered}, side)
        {axis}_support = Max({axis}_scale, one)
        {axis}_margin = Sub({size}, {covered})
        {axis}_start = Div({axis}_margin, two)
        {axis}_outputs = Range(zero, side, one)
        {axis}_middles = Add({axis}_outputs, half)
        {axis}_scaled = Mul({axis}_middles, {axis}_scale)
        {axis}_centres = Add({axis}_start, {axis}_scaled)
        {axis}_column = Unsqueeze({axis}_centres, last)
        {axis}_inputs = Range(zero, {size}, one)
        {axis}_offsets = Sub({axis}_inputs, {axis}_column)
        {axis}_shifted = Add({axis}_offsets, half)
        {axis}_inverse = Div(one, {axis}_support)
        {axis}_signed = Mul({axis}_shifted, {axis}_inverse)
        {axis}_distances = Abs({axis}_signed)
        {axis}_inside = Sub(one, {axis}_distances)
        {axis}_weights = Max({axis}_inside, zero)
        {axis}_sums = ReduceSum <keepdims = 1> ({axis}_weights, last)
        {axis}_shares = Div({axis}_weights, {axis}_sums)
        {axis}_units = Mul({axis}_shares, unit)
        {axis}_up = Add({axis}_units, half)
        {axis}_matrix = Floor({axis}_up)"""

_ROUNDED = """
        {name}_shares = Div({name}_sums, unit)
        {name}_up = Add({name}_shares, half)
        {name}_whole = Floor({name}_up)
        {name} = Clip({name}_whole, zero, white)"""


def resizing(side: int, fit: str) -> Any:
    """An ONNX model from `images`, uint8 (N, H, W, 3), to `resized`, uint8 (N, side, side, 3).

    Args:
        fit: As `archlab.data.decode.decode` has it.
    """
    import onnx.parser

    rows, columns = ("shorter", "shorter") if fit == "crop" else ("height", "width")
    text = _RESIZING.format(
        side=side,
        joined=3 * side,  # (N, H, side, 3) as (N, H, 3 side): one large product in the place of many small ones
        rows=_MATRIX.format(axis="rows", size="height", covered=rows),
        columns=_MATRIX.format(axis="columns", size="width", covered=columns),
        narrow=_ROUNDED.format(name="narrow"),
        small=_ROUNDED.format(name="small"),
    )
    model = onnx.parser.parse_model(text)
    _rename(model.graph, "resizing_", {each.name for each in (*model.graph.input, *model.graph.output)})
    return model


def _rename(graph: Any, prefix: str, kept: set[str]) -> None:
    """Gives what is named inside a graph, and the graphs in its nodes, names that no other graph has."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in kept else prefix + name for name in names]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, prefix, kept)
    for each in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        each.name = each.name if each.name in kept else prefix + each.name
