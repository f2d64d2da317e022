"""Raw text in, a segmenter out that needs neither dictionary nor segmented text; and text in, words out."""
