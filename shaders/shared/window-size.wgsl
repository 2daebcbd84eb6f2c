// Rows and columns of a pooling window that count in its size: those that lie between the bounds.
fn counted_rows(first: i32) -> f32 { return f32(min(first + p.kernel_h, p.end_row) - max(first, p.first_row)); }
fn counted_columns(first: i32) -> f32 { return f32(min(first + p.kernel_w, p.end_column) - max(first, p.first_column)); }
