// These functions return how many rows and columns of a pooling window lie between the bounds and so count in its size.
fn counted_rows(first: i32) -> f32 { return f32(min(first + p.kernel_h, p.end_row) - max(first, p.first_row)); }
fn counted_columns(first: i32) -> f32 { return f32(min(first + p.kernel_w, p.end_column) - max(first, p.first_column)); }
