"""The portal's kit: lists, cells and charts. It knows no domain word."""
