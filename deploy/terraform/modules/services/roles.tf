# What each role may do in S3, KMS and the stores: by prefix, and no wildcard where a prefix will do.

locals {
  org = var.salesforce.org_id
  arn = { for class, bucket in var.buckets : class => bucket.arn }

  work_prefixes = ["reconcile", "describe", "jobs", "plans", "rates", "ids", "refresh"]

  # role -> objects that it may read, write and delete
  reads = {
    lanes      = ["raw/raw", "raw/chain", "work/describe", "work/plans", "work/rates", "keys/keys"]
    batches    = ["raw/raw", "raw/chain", "staged/staged", "staged/load", "work/describe", "work/plans", "keys/keys", "archive/archive", "archive/audit"]
    backfill   = concat(["raw/raw", "raw/chain", "staged/staged", "staged/load", "keys/keys", "archive/archive"], [for prefix in local.work_prefixes : "work/${prefix}"])
    writebacks = ["work/describe", "work/ids", "intake/intake", "intake/preview", "keys/keys", "raw/chain"]
    api        = concat(["raw/raw", "raw/chain", "keys/keys", "intake/intake", "intake/intake-refused", "intake/preview", "archive/archive", "archive/audit"], [for prefix in local.work_prefixes : "work/${prefix}"])
    migrate    = []
  }
  writes = {
    lanes      = ["raw/raw", "raw/chain", "work/describe", "work/plans", "work/rates", "keys/keys", "archive/audit"]
    batches    = ["staged/staged", "staged/load", "work/describe", "work/plans", "archive/archive", "archive/audit"]
    backfill   = concat(["raw/raw", "raw/chain", "staged/staged", "staged/load", "archive/archive", "archive/audit"], [for prefix in local.work_prefixes : "work/${prefix}"])
    writebacks = ["work/describe", "intake/preview", "intake/intake-refused", "archive/audit"]
    api        = ["intake/preview", "intake/intake-refused", "work/ids", "archive/audit"]
    migrate    = []
  }
  deletes = {
    lanes      = []
    batches    = ["staged/staged", "staged/load"]
    backfill   = ["raw/raw", "staged/staged", "staged/load", "work/jobs", "work/ids"]
    writebacks = ["intake/preview", "intake/intake"]
    api        = ["intake/preview"]
    migrate    = []
  }
  lists = {
    lanes      = ["raw"]
    batches    = ["raw", "staged", "archive"]
    backfill   = ["raw", "staged", "work", "archive"]
    writebacks = ["intake"]
    api        = ["raw", "work", "intake", "keys", "archive"]
    migrate    = []
  }
  # Keys by which the objects above are encrypted.
  decrypts = {
    lanes      = ["raw", "pii", "audit"]
    batches    = ["raw", "pii", "audit"]
    backfill   = ["raw", "pii", "audit"]
    writebacks = ["raw", "pii", "audit"]
    api        = ["raw", "pii", "audit"]
    migrate    = ["pii"]
  }
  # "class/prefix" -> the ARN of what is below it, of this org alone
  objects = {
    for path in distinct(flatten([values(local.reads), values(local.writes), values(local.deletes)])) :
    path => "${local.arn[split("/", path)[0]]}/${split("/", path)[1]}/${local.org}/*"
  }
}

data "aws_iam_policy_document" "task" {
  for_each = toset(local.roles)

  dynamic "statement" {
    for_each = length(local.reads[each.key]) > 0 ? [1] : []
    content {
      sid       = "ReadObjects"
      actions   = ["s3:GetObject"]
      resources = [for path in local.reads[each.key] : local.objects[path]]
    }
  }

  dynamic "statement" {
    for_each = length(local.writes[each.key]) > 0 ? [1] : []
    content {
      sid       = "WriteObjects"
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = [for path in local.writes[each.key] : local.objects[path]]
    }
  }

  # Only what lies under Object Lock is given a date; nobody may bypass or shorten one.
  dynamic "statement" {
    for_each = contains(local.writes[each.key], "archive/audit") ? [1] : []
    content {
      sid       = "LockArchive"
      actions   = ["s3:PutObjectRetention"]
      resources = ["${local.arn["archive"]}/*/${local.org}/*"]
    }
  }

  dynamic "statement" {
    for_each = length(local.deletes[each.key]) > 0 ? [1] : []
    content {
      sid       = "DeleteObjects"
      actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      resources = [for path in local.deletes[each.key] : local.objects[path]]
    }
  }

  dynamic "statement" {
    for_each = length(local.lists[each.key]) > 0 ? [1] : []
    content {
      sid       = "ListBuckets"
      actions   = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetLifecycleConfiguration"]
      resources = [for class in local.lists[each.key] : local.arn[class]]
    }
  }

  statement {
    sid       = "UseKeys"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
    resources = [for class in local.decrypts[each.key] : var.keys[class]]
  }

  dynamic "statement" {
    for_each = each.key == "migrate" ? [] : [1]
    content {
      sid       = "SignAnchors"
      actions   = ["kms:Sign", "kms:GetPublicKey"]
      resources = [var.anchor_key_arn]
    }
  }

  statement {
    sid       = "LogInToAurora"
    actions   = ["rds-db:connect"]
    resources = ["arn:${data.aws_partition.here.partition}:rds-db:${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}:dbuser:${var.aurora.resource_id}/${each.key == "migrate" ? "tidegate_owner" : "tidegate"}"]
  }

  statement {
    sid       = "LogInToRedshift"
    actions   = ["redshift-serverless:GetCredentials"]
    resources = [var.redshift.arn]
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

resource "aws_iam_role" "task" {
  for_each           = toset(local.roles)
  name               = "tidegate-${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "task" {
  for_each = toset(local.roles)
  name     = "engine"
  role     = aws_iam_role.task[each.key].id
  policy   = data.aws_iam_policy_document.task[each.key].json
}

# ECS itself: pulls the image, writes logs, reads the secrets that it hands to the tasks.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "HandOverSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = compact([var.salesforce.secret_arn, var.temporal.api_key_secret_arn])
  }

  statement {
    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = [var.keys["logs"]]
  }
}

resource "aws_iam_role" "execution" {
  name               = "tidegate-${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "secrets"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}
