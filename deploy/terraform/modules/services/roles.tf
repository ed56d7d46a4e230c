# What each role may do in S3, KMS and the stores: by prefix, and no wildcard where a prefix will do.
# `make test-deploy` holds it against what the roles' processes were recorded to do.

locals {
  org = var.salesforce.org_id
  arn = { for class, bucket in var.buckets : class => bucket.arn }

  # role -> objects that it may read, write and delete
  reads = {
    lanes      = ["raw/raw", "raw/chain", "keys/keys", "work/jobs"]
    batches    = ["raw/raw", "staged/staged", "keys/keys", "work/ids"]
    backfill   = ["raw/raw", "raw/chain", "staged/staged", "keys/keys", "intake/intake", "intake/preview", "work/erasures", "work/ids", "work/jobs", "work/plans", "work/rates", "work/reconcile", "work/refresh", "archive/archive"]
    writebacks = ["keys/keys", "intake/preview", "work/describe"]
    api        = ["raw/chain", "keys/keys", "intake/intake", "intake/preview", "work/describe"]
    migrate    = []
  }
  writes = {
    lanes      = ["raw/raw", "raw/chain", "keys/keys", "work/jobs"]
    batches    = ["staged/staged", "staged/load", "keys/keys", "work/ids"]
    backfill   = ["raw/raw", "raw/chain", "staged/staged", "staged/load", "keys/keys", "intake/intake", "intake/preview", "work/erasures", "work/ids", "work/jobs", "work/plans", "work/rates", "work/reconcile", "work/refresh"]
    writebacks = ["keys/keys", "intake/preview", "work/describe"]
    api        = ["keys/keys", "intake/intake-refused", "intake/preview", "work/ids"]
    migrate    = []
  }
  deletes = {
    lanes      = []
    batches    = ["staged/load"]
    backfill   = ["raw/raw", "staged/staged", "staged/load", "intake/intake", "intake/preview", "work/erasures", "work/reconcile"]
    writebacks = []
    api        = ["intake/preview"]
    migrate    = []
  }
  # Of these every version may go: an erasure leaves no former one. The archive's go when their lock has ended.
  purges = {
    backfill = ["raw/raw", "staged/staged", "intake/intake", "intake/preview", "work/erasures", "work/reconcile", "archive/archive"]
  }
  # Under Object Lock: versions are read, and written with the date until which nobody can delete them.
  locked_reads  = { for role in local.roles : role => role == "migrate" ? [] : role == "backfill" ? ["archive/anchors", "archive/archive"] : ["archive/anchors"] }
  locked_writes = { for role in local.roles : role => local.locked_reads[role] }

  # Without the right to list, S3 answers 403 for an object that is not there, and not 404.
  lists = {
    lanes      = ["raw", "keys", "work", "archive"]
    batches    = ["raw", "keys", "archive"]
    backfill   = ["raw", "staged", "work", "keys", "intake", "archive"]
    writebacks = ["keys", "work", "archive"]
    api        = ["raw", "staged", "work", "keys", "intake", "archive"]
    migrate    = []
  }
  version_lists = { for role in local.roles : role => role == "migrate" ? [] : role == "backfill" ? ["raw", "staged", "work", "intake", "archive"] : ["archive"] }

  # Keys that decrypt and encrypt the objects above.
  decrypts = { for role in local.roles : role => role == "migrate" ? [] : ["raw", "pii", "audit"] }
  encrypts = { for role in local.roles : role => role == "migrate" ? [] : ["raw", "pii", "audit"] }

  # "class/prefix" -> the ARN of what is below it, of this org alone; files for COPY name no org
  paths = distinct(flatten([values(local.reads), values(local.writes), values(local.deletes), values(local.purges), values(local.locked_reads)]))
  objects = {
    for path in local.paths :
    path => "${local.arn[split("/", path)[0]]}/${split("/", path)[1]}/${path == "staged/load" ? "" : "${local.org}/"}*"
  }

  # role -> action of IAM -> ARNs
  grants = {
    for role in local.roles : role => {
      "s3:GetObject"                        = [for path in local.reads[role] : local.objects[path]]
      "s3:PutObject"                        = [for path in concat(local.writes[role], local.locked_writes[role]) : local.objects[path]]
      "s3:DeleteObject"                     = [for path in local.deletes[role] : local.objects[path]]
      "s3:DeleteObjectVersion"              = [for path in lookup(local.purges, role, []) : local.objects[path]]
      "s3:GetObjectVersion"                 = [for path in local.locked_reads[role] : local.objects[path]]
      "s3:GetObjectRetention"               = [for path in local.locked_reads[role] : local.objects[path]]
      "s3:PutObjectRetention"               = [for path in local.locked_writes[role] : local.objects[path]]
      "s3:ListBucket"                       = [for class in local.lists[role] : local.arn[class]]
      "s3:ListBucketVersions"               = [for class in local.version_lists[role] : local.arn[class]]
      "s3:GetLifecycleConfiguration"        = role == "backfill" ? [local.arn["work"]] : []
      "s3:PutLifecycleConfiguration"        = role == "backfill" ? [local.arn["work"]] : []
      "s3:GetBucketObjectLockConfiguration" = role == "backfill" ? [local.arn["archive"]] : []
      "kms:Decrypt"                         = [for class in local.decrypts[role] : var.keys[class]]
      "kms:GenerateDataKey"                 = [for class in local.encrypts[role] : var.keys[class]]
      "kms:GenerateDataKeyWithoutPlaintext" = role == "backfill" ? [var.keys["pii"]] : []
      "kms:Sign"                            = role == "migrate" ? [] : [var.anchor_key_arn]
      "kms:GetPublicKey"                    = role == "api" ? [var.anchor_key_arn] : []
    }
  }
}

data "aws_iam_policy_document" "task" {
  for_each = toset(local.roles)

  dynamic "statement" {
    for_each = { for action, arns in local.grants[each.key] : action => arns if length(arns) > 0 }
    content {
      sid       = replace(statement.key, "/[^A-Za-z0-9]/", "")
      actions   = [statement.key]
      resources = statement.value
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
