# A bucket for each class of data. Lifecycle rules name prefixes: none can reach keys or manifests.

locals {
  buckets = {
    raw     = { key = "raw", locked = false }  # raw/, chain/
    staged  = { key = "raw", locked = false }  # staged/, load/
    work    = { key = "pii", locked = false }  # plans, reports, describes: what has no class of its own
    keys    = { key = "pii", locked = false }  # keys/
    intake  = { key = "raw", locked = false }  # intake/, intake-refused/, preview/
    archive = { key = "audit", locked = true } # archive/, anchors/
  }
  bucket_names = { for class, _ in local.buckets : class => "tidegate-${var.name}-${class}-${local.account}" }
}

resource "aws_s3_bucket" "class" {
  for_each            = local.buckets
  bucket              = local.bucket_names[each.key]
  object_lock_enabled = each.value.locked
  force_destroy       = false
  tags                = { Class = each.key }
}

resource "aws_s3_bucket_public_access_block" "class" {
  for_each                = aws_s3_bucket.class
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "class" {
  for_each = aws_s3_bucket.class
  bucket   = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "class" {
  for_each = aws_s3_bucket.class
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "class" {
  for_each = aws_s3_bucket.class
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.class[local.buckets[each.key].key].arn
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = aws_s3_bucket.class

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "class" {
  for_each   = aws_s3_bucket.class
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.class]
}

# Seven years, and nobody can shorten it: not the account's root user either.
resource "aws_s3_bucket_object_lock_configuration" "archive" {
  bucket = aws_s3_bucket.class["archive"].id
  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.audit_days
    }
  }
  depends_on = [aws_s3_bucket_versioning.class]
}

locals {
  # bucket -> prefix -> days until an object expires. 0 = the engine ends it: a raw or a typed file stays as long
  # as its batch is not applied whole, and age alone does not know that.
  expiries = {
    raw     = { "raw/" = 0 }
    staged  = { "staged/" = 0, "load/" = 2, "unload/" = 2 }
    intake  = { "intake/" = var.intake_days, "intake-refused/" = 30, "preview/" = 2 }
    archive = { "" = var.audit_days + 1 }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "class" {
  for_each = local.expiries
  bucket   = aws_s3_bucket.class[each.key].id

  dynamic "rule" {
    for_each = each.value
    content {
      id     = rule.key == "" ? "all" : trimsuffix(rule.key, "/")
      status = "Enabled"
      filter {
        prefix = rule.key
      }
      dynamic "expiration" {
        for_each = rule.value > 0 ? [rule.value] : []
        content {
          days = expiration.value
        }
      }
      # What is overwritten or deleted is gone a week later. In the archive the lock decides.
      noncurrent_version_expiration {
        noncurrent_days = 7
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "raw" && var.raw_glacier_days > 0 ? [1] : []
    content {
      id     = "raw-colder"
      status = "Enabled"
      filter {
        prefix = "raw/"
      }
      transition {
        days          = var.raw_glacier_days
        storage_class = "GLACIER_IR"
      }
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.class]
}

# The engine's retention adds its own rules here, by its role's right to do so, and keeps those of others.
resource "aws_s3_bucket_lifecycle_configuration" "work" {
  bucket = aws_s3_bucket.class["work"].id
  rule {
    id     = "jobs"
    status = "Enabled"
    filter {
      prefix = "jobs/"
    }
    expiration {
      days = var.staged_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  lifecycle {
    ignore_changes = [rule]
  }

  depends_on = [aws_s3_bucket_versioning.class]
}

# Keys have no lifecycle at all but for unfinished uploads.
resource "aws_s3_bucket_lifecycle_configuration" "keys" {
  bucket = aws_s3_bucket.class["keys"].id
  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}
